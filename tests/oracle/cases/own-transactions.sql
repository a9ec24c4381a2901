-- section rows and the transaction that wrote them
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1) RETURNING xmin = pg_current_xact_id()::xid AS own, xmax;
INSERT INTO t VALUES (2, 1) RETURNING xmin::text::bigint = txid_current() % (2^32)::bigint AS own;
INSERT INTO t VALUES (3, 1), (4, 1), (5, 1) RETURNING xmin = pg_current_xact_id()::xid AS own;
UPDATE t SET v = 2 WHERE id = 1 RETURNING xmin = pg_current_xact_id()::xid AS own;
-- refused
UPDATE t SET v = 2 WHERE id = 1 RETURNING xmin::text::int8 = txid_current_if_assigned() % (2^32)::bigint AS own;
UPDATE t SET v = 2 RETURNING xmin = pg_current_xact_id()::xid AS own;
DELETE FROM t WHERE id = 1 RETURNING xmax = pg_current_xact_id()::xid AS own;
BEGIN;
INSERT INTO t VALUES (6, 1), (7, 8);
SELECT xmin = pg_current_xact_id()::xid AS own FROM t WHERE id = 6;
SELECT xmin = pg_current_xact_id()::xid AS own FROM t WHERE id = 2;
SELECT xmin = pg_current_xact_id()::xid AS own FROM t;
SELECT pg_visible_in_snapshot(xmin::text::xid8, pg_current_snapshot()) FROM t WHERE id = 6;
SELECT pg_visible_in_snapshot(xmin::text::xid8, pg_current_snapshot()) FROM t WHERE id = 2;
SELECT age(xmin) FROM t WHERE id = 6;
-- refused
SELECT pg_xact_status(xmin::text::xid8) FROM t WHERE id = 6;
SELECT pg_xact_status(pg_current_xact_id());
SELECT id FROM t WHERE id = 6 AND xmin::text = (pg_current_xact_id()::xid)::text;
SELECT id FROM t WHERE id = 6 AND xmin::text = (SELECT pg_current_xact_id()::xid::text);
COMMIT;
CREATE TABLE r (id int PRIMARY KEY, v int) WITH (pgring.placement = 'reference');
INSERT INTO r VALUES (1, 1) RETURNING xmin = pg_current_xact_id()::xid AS own;
UPDATE r SET v = 2 RETURNING xmin = pg_current_xact_id()::xid AS own;
-- refused
INSERT INTO t VALUES (11, 1), (12, 1), (13, 1), (14, 2) RETURNING ctid;
INSERT INTO t VALUES (11, 1), (12, 1), (13, 1), (14, 2) ON CONFLICT (id) DO UPDATE SET v = 3 RETURNING id, xmax = 0 AS inserted;
INSERT INTO t VALUES (11, 1) ON CONFLICT (id) DO UPDATE SET v = 3 RETURNING id, xmax = 0 AS inserted;
INSERT INTO t VALUES (11, 1) ON CONFLICT (id) DO UPDATE SET v = 3 RETURNING id, xmax = pg_current_xact_id()::xid AS inserted;
-- refused
WITH x AS (INSERT INTO t VALUES (21, 1) RETURNING xmin AS x) SELECT x = pg_current_xact_id()::xid FROM x;
CREATE FUNCTION mine(xid) RETURNS bool LANGUAGE sql STABLE AS $$ SELECT $1 = pg_current_xact_id()::xid $$;
-- refused
INSERT INTO t VALUES (31, 1) RETURNING mine(xmin);
-- refused
INSERT INTO t VALUES (32, 1) RETURNING mine(xmin);
-- refused
INSERT INTO t VALUES (33, 1) RETURNING mine(xmin);
CREATE TABLE log (id int PRIMARY KEY, x xid8 DEFAULT pg_current_xact_id());
BEGIN;
INSERT INTO log VALUES (1), (2), (3), (4);
INSERT INTO log VALUES (5);
INSERT INTO log VALUES (6);
SELECT count(DISTINCT x), bool_and(x = pg_current_xact_id()) FROM log;
SELECT id FROM log WHERE x = pg_current_xact_id() AND id = 5;
SELECT id FROM log WHERE x = pg_current_xact_id() AND id = 6;
SELECT id FROM log WHERE x = pg_current_xact_id();
UPDATE log SET x = pg_current_xact_id() WHERE id = 3;
UPDATE log SET x = DEFAULT WHERE id = 5;
SELECT count(DISTINCT x), bool_and(x = pg_current_xact_id()) FROM log;
COMMIT;
-- refused
SELECT xmin, pg_current_xact_id() FROM t WHERE id = 5;
-- refused
UPDATE t SET v = pg_current_xact_id()::text::int WHERE id = 5 AND xmax = 0;
-- refused
INSERT INTO t VALUES (61, 1), (62, 2) RETURNING xmin;
INSERT INTO t VALUES (61, 1) RETURNING xmin IS NOT NULL;
WITH x AS (INSERT INTO t VALUES (63, 1) RETURNING id) SELECT id, pg_backend_pid() = pg_backend_pid() AS own FROM x;
SELECT relname FROM pg_class WHERE relname = 't' AND xmin = pg_current_xact_id()::xid;
BEGIN;
CREATE TABLE n (id int PRIMARY KEY);
SELECT relname FROM pg_class WHERE relname = 'n' AND xmin = pg_current_xact_id()::xid;
INSERT INTO n VALUES (1), (2), (3), (4);
SAVEPOINT s;
INSERT INTO n VALUES (11), (12), (13), (14);
SELECT id, xmin = pg_current_xact_id()::xid AS own FROM n ORDER BY id;
SELECT count(*) FROM n WHERE xmin = pg_current_xact_id()::xid;
DELETE FROM n WHERE xmin = pg_current_xact_id()::xid RETURNING id;
COMMIT;
CREATE TABLE sess (id int PRIMARY KEY, p int DEFAULT pg_backend_pid(), x xid8 DEFAULT pg_current_xact_id());
INSERT INTO sess VALUES (1), (2), (3), (4);
INSERT INTO sess (id) SELECT g FROM generate_series(10, 15) g;
INSERT INTO sess (id) VALUES (20);
COPY sess (id) FROM STDIN;
30
31
32
33
\.
SELECT count(DISTINCT x), count(DISTINCT p), bool_and(p = pg_backend_pid()) FROM sess;
