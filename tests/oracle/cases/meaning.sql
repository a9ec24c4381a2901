-- section system columns
CREATE TABLE duplicates (k int, v int, id int);
INSERT INTO duplicates SELECT g % 10, g % 3, g FROM generate_series(1, 120) g;
SELECT count(*) FROM duplicates a JOIN duplicates b ON a.ctid = b.ctid;
SELECT count(*) FROM duplicates a JOIN duplicates b ON a.ctid = b.ctid WHERE a.k = 3 AND b.v = 1;
SELECT count(*) FROM duplicates a, duplicates b WHERE a.k = b.k AND a.ctid > b.ctid;
SELECT k, v, rn FROM (SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY ctid) AS rn FROM duplicates) t WHERE rn < 3 ORDER BY k, rn;
SELECT id FROM duplicates a WHERE ctid = (SELECT min(b.ctid) FROM duplicates b WHERE b.k = a.k AND b.v = a.v) ORDER BY id;
SELECT id FROM duplicates WHERE ctid IN (SELECT max(ctid) FROM duplicates GROUP BY k) ORDER BY id;
BEGIN;
DELETE FROM duplicates a USING duplicates b WHERE a.ctid < b.ctid AND a.k = b.k AND a.v = b.v;
SELECT * FROM duplicates ORDER BY id;
ROLLBACK;
BEGIN;
DELETE FROM duplicates a WHERE a.ctid <> (SELECT min(b.ctid) FROM duplicates b WHERE b.k = a.k AND b.v = a.v);
SELECT * FROM duplicates ORDER BY id;
ROLLBACK;
BEGIN;
DELETE FROM duplicates WHERE ctid NOT IN (SELECT min(ctid) FROM duplicates GROUP BY k, v);
SELECT * FROM duplicates ORDER BY id;
ROLLBACK;
BEGIN;
DELETE FROM duplicates WHERE ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY k, v ORDER BY id) AS rn FROM duplicates) x WHERE rn > 1);
SELECT * FROM duplicates ORDER BY id;
ROLLBACK;
BEGIN;
WITH d AS (SELECT ctid, row_number() OVER (PARTITION BY k, v ORDER BY id DESC) AS rn FROM duplicates) DELETE FROM duplicates USING d WHERE duplicates.ctid = d.ctid AND d.rn > 1;
SELECT * FROM duplicates ORDER BY id;
ROLLBACK;
BEGIN;
UPDATE duplicates SET id = -id WHERE EXISTS (SELECT 1 FROM duplicates b WHERE b.k = duplicates.k AND b.v = duplicates.v AND b.ctid < duplicates.ctid);
SELECT * FROM duplicates ORDER BY id;
ROLLBACK;
-- refused
DELETE FROM duplicates a USING duplicates b WHERE a.ctid < b.ctid AND a.v = b.v;
-- refused
DELETE FROM duplicates WHERE ctid IN (SELECT ctid FROM duplicates LIMIT 5);
-- refused
DELETE FROM duplicates WHERE ctid NOT IN (SELECT min(ctid) FROM duplicates GROUP BY v);
-- refused
DELETE FROM duplicates WHERE ctid = '(0,1)';
-- refused
SELECT ctid FROM duplicates;
-- refused
SELECT x.* FROM (SELECT ctid, k FROM duplicates) x;
-- refused
SELECT x FROM (SELECT ctid, k FROM duplicates) x;
-- refused
SELECT x.place FROM (SELECT ctid AS place, k FROM duplicates) x;
-- refused
SELECT k FROM duplicates ORDER BY ctid;
-- refused
SELECT xmin FROM duplicates;
SELECT count(*) FROM duplicates WHERE k = 3 AND ctid IS NOT NULL AND xmin IS NOT NULL;
-- section tableoid
CREATE TABLE days (id int, d date, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
CREATE TABLE days_a PARTITION OF days FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE days_b PARTITION OF days FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
INSERT INTO days SELECT g, '2020-12-01'::date + g FROM generate_series(1, 60) g;
SELECT tableoid::regclass, count(*) FROM days GROUP BY 1 ORDER BY min(d);
SELECT tableoid::regclass, * FROM days ORDER BY id;
SELECT tableoid::regclass::text, id FROM days WHERE id = 5;
SELECT c.relname, count(*) FROM days p JOIN pg_class c ON c.oid = p.tableoid GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM days WHERE tableoid = 'days_a'::regclass;
SELECT tableoid = 'days_a'::regclass AS early, count(*) FROM days GROUP BY 1 ORDER BY 1;
SELECT id, tableoid = 'days_b'::regclass FROM days WHERE id = 40;
SELECT (SELECT relname FROM pg_class WHERE oid = d.tableoid) FROM days d WHERE id IN (1, 2, 50) ORDER BY id;
-- refused
SELECT tableoid, * FROM days;
-- section sampling
CREATE TABLE many (id int PRIMARY KEY, v int);
INSERT INTO many SELECT g, g % 7 FROM generate_series(1, 3000) g;
SELECT count(*) FROM many TABLESAMPLE BERNOULLI (100);
SELECT count(*) FROM many TABLESAMPLE SYSTEM (100) WHERE v = 3;
SELECT avg(v) FROM many TABLESAMPLE BERNOULLI (100) REPEATABLE (7);
SELECT count(*) FROM many TABLESAMPLE BERNOULLI (0);
SELECT count(*) BETWEEN 900 AND 2100 FROM many TABLESAMPLE BERNOULLI (50);
SELECT count(*) BETWEEN 900 AND 2100, avg(a.v) > 0 FROM many AS a TABLESAMPLE BERNOULLI (50) REPEATABLE (3), (VALUES (1)) AS b (x);
SELECT count(*) FROM many a TABLESAMPLE BERNOULLI (0), many b TABLESAMPLE BERNOULLI (100), many c WHERE a.v = b.id AND b.v = c.id;
SELECT (SELECT count(*) FROM many TABLESAMPLE BERNOULLI (30) REPEATABLE (5)) = (SELECT count(*) FROM many TABLESAMPLE BERNOULLI (30) REPEATABLE (5));
SELECT count(*) FROM many TABLESAMPLE BERNOULLI (101);
-- section numbering and chance
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, g % 5 FROM generate_series(1, 50) g;
SELECT array_agg(n ORDER BY n) FROM (SELECT row_number() OVER () AS n FROM t) x;
SELECT count(DISTINCT n), max(n) FROM (SELECT row_number() OVER (), id FROM t) x (n, id);
SELECT count(DISTINCT now()), count(DISTINCT statement_timestamp()), count(DISTINCT random()) > 40 FROM t;
SELECT count(*) FROM t WHERE now() <= statement_timestamp() AND clock_timestamp() >= now();
SELECT setseed(0.5);
SELECT count(*) FROM t WHERE random() BETWEEN 0 AND 1;
-- section functions of the session
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT g, 'x' FROM generate_series(1, 20) g;
SELECT count(*) FROM t WHERE id = 5 AND pg_backend_pid() > 0;
SELECT count(DISTINCT pg_backend_pid()) FROM t;
BEGIN;
INSERT INTO t VALUES (100, pg_backend_pid()::text), (101, pg_backend_pid()::text);
UPDATE t SET v = pg_backend_pid()::text WHERE id = 7;
SELECT count(DISTINCT v) FROM t WHERE id IN (7, 100, 101);
SELECT v = pg_backend_pid()::text FROM t WHERE id = 7;
UPDATE t SET v = txid_current()::text WHERE id IN (8, 9);
SELECT count(*) FROM t WHERE v = txid_current()::text AND id = 8;
SELECT count(*) FROM t WHERE v = pg_current_xact_id()::text;
ROLLBACK;
SELECT pg_is_in_recovery(), pg_postmaster_start_time() < now();
-- refused
SELECT pg_export_snapshot();
SELECT lo_from_bytea(770077, '\x0102');
SELECT lo_get(770077);
SELECT lo_unlink(770077);
-- refused
SELECT lo_get(770077) FROM t;
-- section advisory locks
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t SELECT g FROM generate_series(1, 20) g;
SELECT pg_advisory_lock(77), pg_try_advisory_lock(78);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (77, 78) AND pid = pg_backend_pid();
SELECT pg_advisory_unlock(77), pg_advisory_unlock(78), pg_advisory_unlock(79);
BEGIN;
INSERT INTO t VALUES (100), (101), (102);
SELECT pg_advisory_xact_lock(80);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 80 AND pid = pg_backend_pid();
COMMIT;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 80 AND pid = pg_backend_pid();
-- refused
SELECT pg_advisory_xact_lock(id) FROM t;
-- refused
SELECT pg_advisory_xact_lock(5) FROM t WHERE id = 5;
-- section oids and the catalog
CREATE TABLE t (id int PRIMARY KEY, name text);
INSERT INTO t VALUES (1, 't'), (2, 'pg_class'), (3, 'nowhere'), (4, NULL);
SELECT id, to_regclass(name) FROM t ORDER BY id;
SELECT id, 't'::regclass, to_regtype('int4') FROM t ORDER BY id;
SELECT id, 't'::regclass::oid = (SELECT oid FROM pg_class WHERE relname = 't') FROM t ORDER BY id;
SELECT pg_typeof(t), pg_typeof(id), pg_typeof(name) FROM t ORDER BY id;
SELECT format_type(23, id), pg_get_userbyid(10) = 'postgres' FROM t ORDER BY id;
SELECT t.id, c.relname FROM t JOIN pg_class c ON c.oid = to_regclass(t.name) ORDER BY 1;
SELECT obj_description('t'::regclass), col_description('t'::regclass, id) FROM t ORDER BY id;
-- refused
SELECT table_to_xml('t', true, true, '');
-- refused
SELECT query_to_xml('SELECT * FROM t', true, true, '');
-- refused
SELECT * FROM ts_stat('SELECT to_tsvector(name) FROM t');
SELECT pg_table_size('nowhere'), 1;
SELECT pg_table_size(NULL), pg_relation_size(99999999), pg_size_pretty(pg_relation_size('pg_class') - pg_relation_size('pg_class'));
SELECT pg_table_size('t') > 0, pg_total_relation_size('t'::regclass) > pg_table_size('t'), pg_indexes_size('t') > 0 FROM t WHERE id = 1;
SELECT relname, pg_relation_size(oid) > 0 AS filled FROM pg_class WHERE relname IN ('t', 't_pkey') ORDER BY 1;
-- refused
SELECT * FROM pg_table_size('t');
