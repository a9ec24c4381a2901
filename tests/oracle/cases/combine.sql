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
