-- section numbers in INSERT SELECT and UPDATE
CREATE SEQUENCE s;
CREATE TABLE t (id int PRIMARY KEY, v int, n int);
CREATE TABLE k (id int, n serial, v int, PRIMARY KEY (id, n));
INSERT INTO t SELECT nextval('s'), g FROM generate_series(1, 5) g;
INSERT INTO t (id, v, n) SELECT id + 10, v, nextval('s') FROM t ORDER BY id;
INSERT INTO t AS x (id, v) SELECT nextval('s') + 100, 5 RETURNING x.id;
INSERT INTO t SELECT nextval('s') ON CONFLICT (id) DO NOTHING RETURNING *;
SELECT * FROM t ORDER BY id;
INSERT INTO k (id, v) SELECT id, v FROM t ORDER BY id;
INSERT INTO k SELECT id FROM t ORDER BY id;
INSERT INTO k (id, v) SELECT id, nextval('s') FROM t WHERE id = 1;
SELECT * FROM k ORDER BY id, n;
UPDATE t SET n = nextval('s'), v = v + 1 RETURNING t.*;
UPDATE t SET n = nextval('s') WHERE id = 1 RETURNING *;
UPDATE t AS x SET n = nextval('s') + x.v WHERE v > 3 RETURNING *;
UPDATE t SET n = nextval('s') WHERE false;
UPDATE t SET (n, v) = (nextval('s'), 5) WHERE id = 2 RETURNING *;
UPDATE t SET n = nextval('s') WHERE id IN (SELECT v FROM k WHERE v < 4) RETURNING id;
UPDATE t SET n = nextval('nosuch') WHERE id = 1;
UPDATE t SET n = nextval('s') / 0 WHERE id = 1;
UPDATE k SET n = DEFAULT WHERE id = 3 RETURNING *;
UPDATE t SET n = nextval('s') WHERE id = $1;
-- refused
UPDATE t SET v = 1 WHERE nextval('s') > 0;
SELECT currval('s') > 0, lastval() > 0;
CREATE TABLE ref (id int PRIMARY KEY, n serial, v int) WITH (pgring.placement = 'reference');
INSERT INTO ref (id, v) VALUES (1, 1), (2, 2);
UPDATE ref SET v = nextval('ref_n_seq') RETURNING *;
UPDATE ref SET n = DEFAULT WHERE id = 1 RETURNING *;
INSERT INTO ref (id, v) SELECT g, nextval('s') - currval('s') FROM generate_series(10, 12) g RETURNING *;
UPDATE ref SET (n, v) = (DEFAULT, 7) WHERE id = 2 RETURNING *;
-- refused
INSERT INTO ref (id) VALUES (1), (2) ON CONFLICT (id) DO UPDATE SET n = DEFAULT;
-- refused
INSERT INTO k (id, n) VALUES (1, 1), (2, 1) ON CONFLICT (id, n) DO UPDATE SET n = DEFAULT;
UPDATE k SET (n, v) = (DEFAULT, 70) WHERE id = 4;
SELECT * FROM k WHERE id = 4;
SELECT count(*) = count(DISTINCT n) FROM k;
CREATE TABLE stamped (id int PRIMARY KEY, at timestamptz DEFAULT now(), v int);
INSERT INTO stamped (id, at) SELECT g, '2020-01-01' FROM generate_series(1, 20) AS g;
UPDATE stamped SET at = DEFAULT;
SELECT count(DISTINCT at) FROM stamped;
UPDATE stamped SET (at, v) = (DEFAULT, 1);
SELECT count(DISTINCT at) FROM stamped;
INSERT INTO stamped (id, v) SELECT g, 5 FROM generate_series(11, 30) AS g ON CONFLICT (id) DO UPDATE SET at = DEFAULT, v = 6;
SELECT v, count(*), count(DISTINCT at) FROM stamped GROUP BY v ORDER BY v;
BEGIN;
UPDATE t SET n = nextval('s') WHERE id < 4;
SELECT count(*), count(DISTINCT n) FROM t WHERE id < 4;
SELECT currval('s') > 0;
ROLLBACK;
PREPARE p (int) AS UPDATE t SET n = nextval('s') + $1 WHERE id = $1 RETURNING id;
EXECUTE p (3);
EXECUTE p (4);

-- section numbers of conflicts and MERGE
CREATE SEQUENCE s;
CREATE TABLE k (id int, n serial, v int, PRIMARY KEY (id, n));
CREATE TABLE src (id int PRIMARY KEY, v int);
INSERT INTO src VALUES (1, 1), (3, 3), (40, 4), (50, 5);
INSERT INTO k (id, n, v) VALUES (1, 1, 1) ON CONFLICT (id, n) DO UPDATE SET v = nextval('s') RETURNING *;
INSERT INTO k (id, n, v) VALUES (1, 1, 1) ON CONFLICT (id, n) DO UPDATE SET v = nextval('s') RETURNING id, n, v > 0;
-- refused
INSERT INTO k (id, n, v) VALUES (1, 1, 1), (2, 1, 1) ON CONFLICT (id, n) DO UPDATE SET v = nextval('s') RETURNING *;
MERGE INTO k USING src AS x ON k.id = x.id WHEN MATCHED THEN UPDATE SET v = x.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (x.id, x.v);
MERGE INTO k USING src AS x ON k.id = x.id WHEN MATCHED THEN UPDATE SET v = nextval('s') WHEN NOT MATCHED THEN INSERT (id, v) VALUES (x.id, x.v);
MERGE INTO k USING (VALUES (60, 6), (70, 7)) AS x (id, v) ON k.id = x.id WHEN NOT MATCHED THEN INSERT (id, n, v) VALUES (x.id, DEFAULT, x.v);
MERGE INTO k USING (VALUES (80, 6), (90, 7)) AS x (id, v) ON k.id = x.id WHEN NOT MATCHED AND x.v > 6 THEN INSERT VALUES (x.id) WHEN NOT MATCHED THEN DO NOTHING RETURNING k.id;
-- refused
MERGE INTO k USING (VALUES (81, 6), (91, 7)) AS x (id, v) ON k.id = x.id WHEN NOT MATCHED THEN INSERT VALUES (x.id) RETURNING *;
DELETE FROM k WHERE id IN (81, 91);
SELECT id, v > 0, n > 0 FROM k ORDER BY id;
SELECT count(DISTINCT n) = count(*) FROM k;
CREATE TABLE i (id int, n int GENERATED ALWAYS AS IDENTITY, v int, PRIMARY KEY (id, n));
MERGE INTO i USING (VALUES (80, 6), (90, 7)) AS x (id, v) ON i.id = x.id WHEN NOT MATCHED THEN INSERT (id, v) VALUES (x.id, x.v) RETURNING i.id, i.n, i.v;
-- refused
UPDATE i SET n = DEFAULT WHERE id = 80 RETURNING *;
CREATE TABLE ref (id int PRIMARY KEY, n serial, v int) WITH (pgring.placement = 'reference');
INSERT INTO ref (id, v) VALUES (1, 1);
MERGE INTO ref USING (VALUES (80, 6), (1, 7)) AS x (id, v) ON ref.id = x.id WHEN MATCHED THEN UPDATE SET v = nextval('ref_n_seq') WHEN NOT MATCHED THEN INSERT (id, v) VALUES (x.id, x.v);
SELECT id, n > 0, v > 0 FROM ref ORDER BY id;

-- section columns that number the rows that are there
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, g FROM generate_series(1, 50) g;
ALTER TABLE t ADD COLUMN n serial;
SELECT count(*), count(DISTINCT n), min(n), max(n) FROM t;
INSERT INTO t (id, v) VALUES (100, 1) RETURNING *;
ALTER TABLE t ADD COLUMN IF NOT EXISTS n serial;
SELECT count(*), count(DISTINCT n), min(n), max(n) FROM t;
ALTER TABLE t ADD COLUMN m bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 10), ADD COLUMN k smallserial;
SELECT count(*), count(DISTINCT m), min(m), max(m), count(DISTINCT k), min(k), max(k) FROM t;
INSERT INTO t (id, v) VALUES (101, 1), (102, 2), (103, 3) RETURNING id, m, k;
ALTER TABLE t ADD COLUMN tiny smallint GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 10);
BEGIN;
ALTER TABLE t ADD COLUMN z serial;
SELECT count(*), count(DISTINCT z), min(z), max(z) FROM t;
INSERT INTO t (id, v) VALUES (110, 1) RETURNING z;
ROLLBACK;
ALTER TABLE t ADD COLUMN z serial;
SELECT count(*), count(DISTINCT z), min(z), max(z) FROM t;
CREATE TABLE r (id int, w text, v int, PRIMARY KEY (w, id)) WITH (pgring.placement = 'reference');
INSERT INTO r VALUES (3, 'c', 1), (1, 'a "b"', 2), (2, 'b,x', 3);
ALTER TABLE r ADD COLUMN n serial;
SELECT * FROM r ORDER BY n;
INSERT INTO r VALUES (4, 'd', 2) RETURNING *;
CREATE TABLE e (id int PRIMARY KEY);
ALTER TABLE e ADD COLUMN n int GENERATED ALWAYS AS IDENTITY;
INSERT INTO e VALUES (1), (2) RETURNING *;
CREATE TABLE p (id int, d int, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
INSERT INTO p SELECT g, g FROM generate_series(1, 19) g;
ALTER TABLE p ADD COLUMN n serial;
SELECT count(*), count(DISTINCT n), min(n), max(n) FROM p;
INSERT INTO p VALUES (1, 3) RETURNING *;
