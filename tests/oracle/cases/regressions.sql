-- section catalog read inside a transaction leaves the search path alone
BEGIN;
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
SHOW search_path;
SAVEPOINT a;
CREATE TABLE u (id int PRIMARY KEY);
ROLLBACK TO a;
SELECT * FROM t ORDER BY id;
COMMIT;
-- section keys are assigned, not cast
CREATE TABLE t (k int PRIMARY KEY, v text);
INSERT INTO t VALUES (true, 'bool');
INSERT INTO t VALUES ('x'::text, 'text');
INSERT INTO t VALUES (1.5 + 1, 'numeric');
SELECT * FROM t;
-- section a too long key
CREATE TABLE t (k varchar(5) PRIMARY KEY, v int);
INSERT INTO t VALUES ('toolong', 4);
INSERT INTO t VALUES ('pad      ', 5);
SELECT v FROM t WHERE k = 'pad  ';
-- section wrong limits
CREATE TABLE t (k int PRIMARY KEY);
SELECT * FROM t ORDER BY k LIMIT 'x';
SELECT * FROM t ORDER BY k LIMIT '99999999999999999999';
SELECT * FROM t ORDER BY k LIMIT ' 3 ';
-- section values lists of unequal length
CREATE TABLE t (k int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2), (3, 3);
INSERT INTO t (k, v) VALUES (1), (2, 2);
INSERT INTO t VALUES (1, 2, 3);
-- section errors before refusals
CREATE TABLE t (k int PRIMARY KEY, v int);
SELECT k FROM t ORDER BY 3;
SELECT k FROM t ORDER BY 'x';
SELECT DISTINCT v FROM t ORDER BY k;
SELECT v, k FROM t GROUP BY v;
UPDATE t SET k = nope;
INSERT INTO t VALUES (1, 1) ON CONFLICT (nope) DO NOTHING;
-- section copy errors in their order
CREATE TABLE t (k int PRIMARY KEY, v text);
COPY t FROM STDIN WITH (FORMAT csv, HEADER match);
v,k
x,1
\.
COPY t FROM STDIN;
1	a
1	b
x	c
\.
SELECT count(*) FROM t;
-- section set_config described
SELECT set_config('my.setting', 'y', false);
-- section one value that two conditions share, and that only a server can read as a key
CREATE TABLE spans (k interval PRIMARY KEY, n int);
CREATE TABLE spans_of (k interval, n int, PRIMARY KEY (k, n));
INSERT INTO spans VALUES ('1 day', 1), ('0', 2), ('1 month', 3);
INSERT INTO spans_of VALUES ('1 day', 1), ('24:00:00', 2), ('0', 2);
SELECT q.n FROM (SELECT s.n FROM spans s WHERE s.k IN ('0'::interval, '0'::interval)) AS q;
SELECT q.n FROM (SELECT s.n, s.k FROM spans s WHERE s.k = '1 day'::interval) AS q JOIN spans_of o ON o.n = q.n WHERE o.k = '24:00:00'::interval;
-- section conditions that cut what is shipped
CREATE TABLE nation (k int PRIMARY KEY, n_name text, day date);
CREATE TABLE trade (k int PRIMARY KEY, nation int, price numeric(8,2), at timestamp);
INSERT INTO nation SELECT n, 'nation ' || n, date '2020-01-01' + n * 10 FROM generate_series(1, 9) AS n;
INSERT INTO nation VALUES (10, NULL, NULL);
INSERT INTO trade SELECT n, n % 11, n * 1.5, timestamp '2020-01-01' + n * interval '7' hour FROM generate_series(1, 60) AS n;
SELECT nation, sum(price) FROM (SELECT n_name AS nation, price FROM nation, trade WHERE nation.k = trade.nation) AS t GROUP BY nation ORDER BY nation;
SELECT n_name, count(*) FROM nation n, trade t WHERE n.k = t.nation AND ((n_name = 'nation 3' AND price > 9) OR (n_name = 'nation 4' AND (price < 40 OR price > t.k * 20)) OR (n.day IS NULL AND t.k > 40)) GROUP BY n_name ORDER BY 1;
SELECT count(*), min(n_name) FROM nation n, trade t WHERE n.k = t.nation AND at < date '2020-01-01' + interval '15' day AND at >= date '2020-02-01' - interval '1' month AND n.day < date '2020-01-01' + interval '1-1' year to month;
SELECT count(*), min(n_name) FROM nation n, trade t WHERE n.k = t.nation AND at < timestamp '2020-01-01' + interval '2 03' day to hour;
SELECT n_name FROM nation n WHERE EXISTS (SELECT * FROM trade t WHERE t.nation = n.k AND price > 80) AND NOT EXISTS (SELECT t.*, 1 FROM trade t WHERE t.nation = n.k AND price < 2) ORDER BY 1;
SELECT n_name FROM nation n WHERE EXISTS (SELECT DISTINCT * FROM trade t WHERE t.nation = n.k AND price > 88) OR n_name IS NULL ORDER BY 1;
SELECT count(*) FROM nation n, trade t WHERE n.k = t.nation AND substring(n_name from 8 for 1) IN ('3', '5') AND substring(n_name from '[0-9]') <> '5' AND substring(n_name for 2) = 'na';

-- section an aggregate in a subquery over the outer query's rows
CREATE TABLE t (id int8 PRIMARY KEY, g int4);
INSERT INTO t SELECT n, n % 3 FROM generate_series(1, 12) AS n;
SELECT (SELECT max(t.g)) FROM t;
SELECT (SELECT sum(a.g) FROM t b LIMIT 1) FROM t a;
WITH w (c) AS (SELECT (SELECT max(a.g * 2) FROM t b WHERE b.id = 1) FROM t a) SELECT 1 FROM w;
SELECT (SELECT 1 WHERE count(a.id) > 3) FROM t a;
SELECT id, (SELECT max(b.g) FROM t b WHERE b.id = a.id) FROM t a ORDER BY id LIMIT 3;
-- section one plan for a statement over a view with other literals
CREATE TABLE t (k int8 PRIMARY KEY, g int4, note text);
INSERT INTO t SELECT n, n % 7, 'note ' || n % 10 FROM generate_series(1, 100) AS n;
CREATE VIEW v (k, g, kind, note) AS SELECT k, g, 'kind ' || 3, note FROM t WHERE g > 2 OR note = 'note 1';
CREATE VIEW w AS SELECT k + 1000 AS m, v.* FROM v WHERE kind <> 'x';
SELECT * FROM v WHERE k = 5;
SELECT * FROM v WHERE k = 11;
SELECT k, 'ä' FROM v WHERE g = 3 AND note <> 'note 3' ORDER BY k LIMIT 2;
SELECT k, 'öü' FROM v WHERE g = 4 AND note <> $$note '$$ ORDER BY k LIMIT 4;
SELECT a.m, b.kind FROM w a, v b WHERE a.k = b.k AND b.g = 5 AND a.m > 1010 ORDER BY a.m OFFSET 1 LIMIT 3;
SELECT a.m, b.kind FROM w a, v b WHERE a.k = b.k AND b.g = 6 AND a.m > 1020 ORDER BY a.m OFFSET 2 LIMIT 5;
SELECT g, count(*), max(note || 'a') FROM w WHERE m < 1050 GROUP BY g ORDER BY g;
SELECT g, count(*), max(note || 'bc') FROM w WHERE m < 1099 GROUP BY g ORDER BY g;
CREATE OR REPLACE VIEW v (k, g, kind, note) AS SELECT k, g, 'sort ' || 3, note FROM t WHERE g > 4;
SELECT * FROM v WHERE k = 5;
SELECT * FROM v WHERE k = 12;
