-- section INSERT SELECT over shards
CREATE TABLE a (id int8 PRIMARY KEY, v int4 DEFAULT 7, t varchar(5), at timestamptz DEFAULT now());
CREATE TABLE b (k uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int4, t text);
CREATE TABLE s (id serial PRIMARY KEY, t text, n int4 NOT NULL, doubled int8 GENERATED ALWAYS AS (n * 2) STORED);
-- pgring: SELECT create_distributed_table('a', 'id')
-- pgring: SELECT create_distributed_table('b', 'k')
CREATE TABLE r (id int4 PRIMARY KEY, t text);
-- pgring: SELECT create_reference_table('r')
CREATE TABLE h (n int8, t text);
-- pgring: SELECT undistribute_table('h')
INSERT INTO a (id, t) SELECT n, 'x' || n FROM generate_series(1, 20) AS n;
SELECT id, v, t, at = now() AS recent FROM a ORDER BY id;
INSERT INTO b (n, t) SELECT v, t FROM a WHERE id < 15;
SELECT n, t FROM b ORDER BY t;
INSERT INTO s (t, n) SELECT t, count(*) FROM a GROUP BY t ORDER BY t;
SELECT id, t, n, doubled FROM s ORDER BY id;
INSERT INTO r SELECT id, t FROM a WHERE id % 2 = 0;
SELECT * FROM r ORDER BY id;
INSERT INTO h SELECT a.id, b.t FROM a JOIN b USING (t);
SELECT * FROM h ORDER BY n;
INSERT INTO a SELECT id + 100, v, t FROM a;
SELECT count(*), max(id) FROM a;
INSERT INTO a (id, t) SELECT id, 'too long for it' FROM a;
INSERT INTO a (id) SELECT id FROM a WHERE id = 5;
INSERT INTO s (t, n) SELECT t, NULL FROM a WHERE id = 3;
INSERT INTO s (n, doubled) SELECT 1, 2 FROM a;
INSERT INTO a (id, t) WITH w AS (SELECT max(id) AS m FROM a) SELECT m + 1, 'new' FROM w;
WITH w AS (SELECT max(id) AS m FROM a) INSERT INTO a (id, t) SELECT m + 1, 'newer' FROM w;
SELECT id, t FROM a WHERE t LIKE 'new%' ORDER BY id;
INSERT INTO a (id) SELECT n FROM b WHERE false;
BEGIN;
INSERT INTO a (id, v) VALUES (900, 1);
INSERT INTO r SELECT id, t FROM a WHERE v = 1;
UPDATE a SET v = 2 WHERE id = 900;
INSERT INTO h SELECT v, 'tx' FROM a WHERE id = 900 OR id = 1;
SELECT * FROM h WHERE t = 'tx' ORDER BY n;
SELECT * FROM r WHERE id = 900;
ROLLBACK;
SELECT count(*) FROM h WHERE t = 'tx';
-- refused
INSERT INTO a (id, t) SELECT id, 'y' FROM a ON CONFLICT (id) DO NOTHING;

-- section views over shards
CREATE TABLE t (id int8 PRIMARY KEY, g int4, x text);
INSERT INTO t SELECT n, n % 3, 'x' || n FROM generate_series(1, 12) AS n;
CREATE VIEW v AS SELECT id, g, upper(x) AS u FROM t WHERE g < 2;
CREATE VIEW w (grp, many) AS SELECT g, count(*) FROM v GROUP BY g;
SELECT * FROM v ORDER BY id;
SELECT u FROM v WHERE id = 4;
TABLE w ORDER BY grp;
SELECT v.*, w.many FROM v JOIN w ON w.grp = v.g ORDER BY id DESC LIMIT 4;
SELECT x.a FROM public.v AS x (a) WHERE a IN (SELECT many FROM w) ORDER BY 1;
BEGIN;
DELETE FROM t WHERE id < 4;
SELECT * FROM w ORDER BY 1;
ALTER TABLE t ADD COLUMN more int4 DEFAULT 5;
SELECT count(DISTINCT more), string_agg(x, ',' ORDER BY id) FROM t;
SELECT * FROM w ORDER BY 1;
ROLLBACK;
SELECT v.nothing FROM v;
-- refused
UPDATE v SET g = 1;

-- section combined statements in transactions
CREATE TABLE t (id int8 PRIMARY KEY, g int4);
INSERT INTO t SELECT n, n % 4 FROM generate_series(1, 30) AS n;
BEGIN;
SET TRANSACTION READ ONLY;
SELECT g, count(*) FROM t GROUP BY g ORDER BY g;
COMMIT;
BEGIN;
TRUNCATE t;
INSERT INTO t VALUES (1, 1), (2, 1), (3, 2);
SELECT g, count(*), now() = transaction_timestamp() AS same FROM t GROUP BY g ORDER BY g;
SELECT g, 1 / (count(*) - 1) FROM t GROUP BY g;
SELECT 1;
ROLLBACK;
SELECT g, rank() OVER (ORDER BY g) FROM t WHERE id < 6 ORDER BY id;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT one;
DELETE FROM t WHERE g = 1;
SELECT g, count(*) FROM t GROUP BY g ORDER BY g;
ROLLBACK TO one;
SELECT g, count(*) FROM t GROUP BY g ORDER BY g;
COMMIT;
SELECT g, count(*) FROM t GROUP BY g HAVING count(*) > (SELECT 'x'::text::int4) ORDER BY g;

-- section what random SELECTs have found
CREATE TABLE t (id int8 PRIMARY KEY, g int4, x text);
INSERT INTO t SELECT n, n % 3, 'x' || n FROM generate_series(1, 9) AS n;
WITH unread AS (SELECT g FROM t) SELECT n FROM generate_series(1, 3) AS n;
SELECT g, rank(2) WITHIN GROUP (ORDER BY length('') DESC) FROM t GROUP BY g ORDER BY g;
SELECT jsonb_agg(-1 ORDER BY -1) AS c1 FROM t a JOIN t b ON a.id = b.id AND a.id >= ALL (SELECT id FROM t) WHERE a.id = -1;
SELECT x, g FROM t WHERE g = 0 UNION ALL SELECT length(-1::text)::text, 2 FROM t;
SELECT g, count(*), CASE WHEN g > 7 THEN to_date('x', 'YYYY') END AS d FROM t GROUP BY g ORDER BY g;

-- section partial aggregation
CREATE TABLE t (id int8 PRIMARY KEY, g int4, s int2, v int4, n numeric(8, 2), m numeric, x float8, c text COLLATE "und-x-icu", d date, at timestamptz, b bool, ch char(3));
INSERT INTO t SELECT i, i % 4, i % 5, CASE WHEN i % 7 > 0 THEN i END, i * 1.25, CASE WHEN i % 2 = 0 THEN i / 8.0 ELSE i END, i / 3.0, chr(97 + i % 6) || CASE WHEN i % 5 = 0 THEN 'Ü' ELSE '' END, '2024-01-01'::date + i * 11, '2024-01-01 00:00+00'::timestamptz + i * interval '5 days', i % 3 = 0, 'a' || i % 3 FROM generate_series(1, 60) AS i;
CREATE TABLE o (id int8, l int4, q int4, PRIMARY KEY (id, l));
INSERT INTO o SELECT i % 60 + 1, i, i % 9 FROM generate_series(1, 150) AS i;
SELECT avg(v), avg(s), avg(n), avg(m), avg(id), avg(v + 1), sum(v), sum(s), sum(id), sum(n), sum(m), count(*), count(v) FROM t;
SELECT avg(v), sum(v), count(v), min(c), max(c), bool_and(b), bit_or(v) FROM t WHERE id < 0;
SELECT g, avg(v), avg(n), avg(m), sum(n * (1 - 0.5)), min(c), max(ch), max(d) FROM t GROUP BY g ORDER BY g;
SELECT g, avg(v) AS a, count(*) FILTER (WHERE v > 20) AS f, sum(v) FILTER (WHERE b) FROM t GROUP BY g HAVING count(*) > 14 ORDER BY a DESC LIMIT 2;
SELECT c, count(*), rank() OVER (ORDER BY sum(v) DESC, c) FROM t GROUP BY c ORDER BY c;
SELECT count(DISTINCT c), count(DISTINCT g), sum(DISTINCT s), avg(DISTINCT s), sum(DISTINCT n) FILTER (WHERE b), count(DISTINCT m), count(*) FROM t;
SELECT g, count(DISTINCT c), count(DISTINCT s) FILTER (WHERE v > 10), max(v) FROM t GROUP BY g ORDER BY g;
SELECT date_trunc('month', at) AS month, count(*), sum(n) FROM t GROUP BY date_trunc('month', at) ORDER BY date_trunc('month', at);
SELECT extract(month FROM d), count(*) FROM t GROUP BY 1 ORDER BY 1;
SELECT upper(c) AS u, g * 2 + 1, count(*) FROM t GROUP BY u, g * 2 ORDER BY 1, 2;
SELECT v % 3 + 1, sum(v % 3) FROM t GROUP BY v % 3 ORDER BY 1;
SELECT substring(c FROM 1 FOR 1), count(*) FROM t GROUP BY substring(c FROM 1 FOR 1) ORDER BY 1;
SELECT CASE WHEN v > 30 THEN 'big' ELSE 'small' END AS size, sum(CASE WHEN b THEN n ELSE 0 END) FROM t GROUP BY size ORDER BY size;
SELECT g, b, count(*), grouping(g, b) FROM t GROUP BY CUBE (g, b) ORDER BY g, b, 4;
SELECT g, count(*) FROM t WHERE id < 0 GROUP BY GROUPING SETS ((g), ());
SELECT t.id, t.c, t.x, count(*), sum(q) FROM t JOIN o ON o.id = t.id GROUP BY t.id ORDER BY t.c, t.id LIMIT 7;
SELECT c, sum(q) FROM t JOIN o USING (id) GROUP BY c ORDER BY sum(q) DESC, c;
SELECT DISTINCT c, g FROM t ORDER BY c DESC, g LIMIT 5;
SELECT DISTINCT ch FROM t ORDER BY ch;
SELECT count(*) FROM (SELECT DISTINCT g, s FROM t) q;
SELECT c FROM t GROUP BY c HAVING avg(n) > (SELECT avg(n) FROM t) ORDER BY c;
WITH w AS (SELECT c, sum(n) AS total FROM t GROUP BY c) SELECT c FROM w WHERE total = (SELECT max(total) FROM w);
WITH w AS (SELECT g, count(*) FROM t GROUP BY g), u AS (SELECT c, avg(v) FROM t GROUP BY c) SELECT * FROM w, u ORDER BY 1, 3;
SELECT g FROM t GROUP BY g UNION ALL SELECT q FROM o GROUP BY q ORDER BY 1;
SELECT x.*, y.* FROM (SELECT g, sum(v) FROM t GROUP BY g) x LEFT JOIN (SELECT q, count(*) FROM o GROUP BY q) y ON x.g = y.q ORDER BY 1;
SELECT g, sum(x) > 0, count(*) FROM t GROUP BY g ORDER BY g;
SELECT m, count(*) FROM t GROUP BY m ORDER BY m LIMIT 5;
SELECT g, string_agg(c, ',' ORDER BY id), percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM t GROUP BY g ORDER BY g;
SELECT g, count(*), max(now()) = now() FROM t WHERE at < now() GROUP BY g ORDER BY g;
SELECT g, (SELECT count(*) FROM o WHERE q = t.g) FROM t GROUP BY g ORDER BY g;
SELECT g, (SELECT count(*) FROM o) FROM t GROUP BY g ORDER BY g;
SELECT every(b) FROM t;
SELECT sum(s)::text || '!' AS shown, max(c) || min(c) FROM t;
SELECT sum(v) OVER (), v FROM t ORDER BY c, id LIMIT 4;
SELECT g, sum(1 / (v - 5)) FROM t GROUP BY g;
SELECT c, nothing FROM t GROUP BY c;
SELECT c, g FROM t GROUP BY c;
CREATE TABLE copied (g int4 PRIMARY KEY, total int8, mean numeric);
INSERT INTO copied SELECT g, sum(v), avg(n) FROM t GROUP BY g;
SELECT * FROM copied ORDER BY g;
BEGIN;
UPDATE t SET v = v + 1000 WHERE id < 20;
DELETE FROM t WHERE id = 33;
SELECT g, sum(v), avg(v) FROM t GROUP BY g ORDER BY g;
SELECT c, id FROM t ORDER BY c, id DESC LIMIT 3 OFFSET 2;
ROLLBACK;

-- section rows joined and cut by the shards
CREATE TABLE t (id int8 PRIMARY KEY, c1 text COLLATE "und-x-icu", c2 int4, pg int4);
INSERT INTO t SELECT i, chr(97 + i % 26) || i, i % 5, i FROM generate_series(1, 70) AS i;
CREATE TABLE o (id int8, l int4, q int4, w text COLLATE "und-x-icu", PRIMARY KEY (id, l));
INSERT INTO o SELECT i % 70 + 1, i, i % 9, 'w' || i FROM generate_series(1, 200) AS i;
SELECT c2, c1 FROM t ORDER BY c1 LIMIT 5;
SELECT c2 AS c1, c1 AS c2 FROM t ORDER BY c2 DESC, 1 LIMIT 5 OFFSET 3;
SELECT * FROM t ORDER BY c1 DESC, id LIMIT 4;
SELECT t.*, id + 1 FROM t ORDER BY upper(c1) LIMIT 4;
SELECT c1 FROM t ORDER BY c1 FETCH FIRST 3 ROWS ONLY;
SELECT c1 FROM t ORDER BY c1 FETCH FIRST ROW ONLY;
SELECT c2 FROM t ORDER BY c2, left(c1, 0) FETCH FIRST 3 ROWS WITH TIES;
SELECT c1 FROM t ORDER BY c1 LIMIT 0;
SELECT c1 FROM t ORDER BY c1 LIMIT NULL OFFSET 67;
SELECT c1 FROM t ORDER BY c1 LIMIT ALL OFFSET 67;
SELECT c1 FROM t ORDER BY c1 LIMIT -1;
SELECT c1 FROM t ORDER BY c1 LIMIT 1 OFFSET -1;
SELECT c1 FROM t ORDER BY c1 LIMIT 9223372036854775807 OFFSET 68;
SELECT c1 FROM t ORDER BY c1 LIMIT 2 OFFSET 9223372036854775807;
SELECT x.c1, o.q FROM (SELECT id, c1 FROM t ORDER BY c1 LIMIT 3) x JOIN o ON o.q = x.id ORDER BY 1, 2;
SELECT c1, (SELECT max(w) FROM o) FROM t ORDER BY c1 LIMIT 2;
SELECT c1, (SELECT max(w) FROM o WHERE q = t.c2) FROM t ORDER BY c1 LIMIT 2;
SELECT t.c1, o.*, rank() OVER (ORDER BY o.q, o.l) FROM t JOIN o ON o.id = t.id WHERE t.c2 = 1 AND o.q > 3 ORDER BY o.l;
SELECT *, rank() OVER (ORDER BY q, l) FROM t, o WHERE o.id = t.id AND c1 LIKE 'a%' ORDER BY l;
SELECT t.c1, count(o.l), string_agg(o.w, ',' ORDER BY o.w) FROM t LEFT JOIN o ON o.id = t.id AND o.q > 5 WHERE t.c2 = 2 GROUP BY t.c1 ORDER BY t.c1;
SELECT id, rank() OVER (ORDER BY c1) FROM t WHERE EXISTS (SELECT FROM o WHERE o.id = t.id AND q = 3) ORDER BY 2;
SELECT x FROM t x WHERE id < 4 ORDER BY x.c1 COLLATE "C";
SELECT row_to_json(x) FROM t x ORDER BY c1 LIMIT 2;
