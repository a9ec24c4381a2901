-- section transactions
CREATE TABLE t (id int PRIMARY KEY, v int);
BEGIN;
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
SELECT count(*) FROM t;
ROLLBACK;
SELECT count(*) FROM t;
BEGIN;
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
COMMIT;
SELECT * FROM t ORDER BY id;
BEGIN;
INSERT INTO t VALUES (4, 4);
SAVEPOINT a;
INSERT INTO t VALUES (5, 5), (6, 6);
SAVEPOINT b;
UPDATE t SET v = 0;
ROLLBACK TO a;
SELECT * FROM t ORDER BY id;
INSERT INTO t VALUES (5, 50);
RELEASE a;
RELEASE b;
ROLLBACK;
BEGIN;
INSERT INTO t VALUES (7, 7);
SAVEPOINT a;
INSERT INTO t VALUES (7, 7);
SELECT 1;
SELECT count(*) FROM t;
ROLLBACK TO SAVEPOINT a;
INSERT INTO t VALUES (8, 8), (9, 9);
SAVEPOINT a;
DELETE FROM t;
ROLLBACK TO a;
ROLLBACK TO a;
COMMIT;
SELECT * FROM t ORDER BY id;
BEGIN;
SELECT * FROM nowhere;
SELECT 1;
INSERT INTO t VALUES (10, 10);
SAVEPOINT x;
COMMIT;
SELECT count(*) FROM t;
COMMIT;
ROLLBACK;
SAVEPOINT x;
RELEASE x;
ROLLBACK TO x;
BEGIN;
BEGIN;
SELECT count(*) FROM t;
COMMIT AND CHAIN;
INSERT INTO t VALUES (11, 11);
ROLLBACK AND CHAIN;
SELECT count(*) FROM t;
END;
START TRANSACTION;
ABORT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SHOW transaction_isolation;
SELECT count(*) FROM t;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SHOW transaction_read_only;
INSERT INTO t VALUES (12, 12);
ROLLBACK;
BEGIN READ ONLY;
UPDATE t SET v = 1;
COMMIT;
BEGIN;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SHOW transaction_isolation;
SELECT count(*) FROM t;
SHOW transaction_isolation;
COMMIT;
SHOW transaction_isolation;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SHOW default_transaction_isolation;
BEGIN;
SELECT sum(v) FROM t;
SHOW transaction_isolation;
COMMIT;
RESET default_transaction_isolation;
BEGIN;
INSERT INTO t VALUES (20, 1), (21, 1 / 0);
COMMIT;
BEGIN;
INSERT INTO t VALUES (22, 1);
INSERT INTO t VALUES (1, 1);
ROLLBACK;
SELECT * FROM t ORDER BY id;
BEGIN;
SYNTAX ERROR;
SELECT 1;
ROLLBACK;
BEGIN;
SAVEPOINT "Mixed Case";
SAVEPOINT other;
ROLLBACK TO "Mixed Case";
RELEASE SAVEPOINT "mixed case";
COMMIT;
-- section several statements in one message
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2)\;
SELECT * FROM t ORDER BY id\;
SELECT count(*) FROM t;
INSERT INTO t VALUES (3, 3)\;
INSERT INTO t VALUES (1, 1)\;
INSERT INTO t VALUES (4, 4);
SELECT * FROM t ORDER BY id;
BEGIN\;
INSERT INTO t VALUES (5, 5)\;
COMMIT\;
INSERT INTO t VALUES (6, 6)\;
SELECT 1/0;
SELECT * FROM t ORDER BY id;
INSERT INTO t VALUES (7, 7)\;
BEGIN\;
INSERT INTO t VALUES (8, 8);
SELECT count(*) FROM t;
ROLLBACK;
SELECT * FROM t ORDER BY id;
SELECT 1\;
SELECT nope;
SELECT 1\;
SYNTAX ERROR;
;
SELECT 1\;
SELECT 2\;
SELECT count(*) FROM t;
CREATE TABLE m (id int PRIMARY KEY)\;
INSERT INTO m VALUES (1), (2)\;
SELECT * FROM m ORDER BY id\;
DROP TABLE m;
SELECT * FROM m;
INSERT INTO t VALUES (30, 1)\;
ROLLBACK\;
SELECT count(*) FROM t;
-- section settings
SHOW search_path;
SET search_path = nowhere, public;
SHOW search_path;
RESET search_path;
SHOW search_path;
SET work_mem = '8MB';
SHOW work_mem;
BEGIN;
SET work_mem = '9MB';
SHOW work_mem;
ROLLBACK;
SHOW work_mem;
BEGIN;
SET LOCAL work_mem = '10MB';
SHOW work_mem;
COMMIT;
SHOW work_mem;
BEGIN;
SET work_mem = '11MB';
COMMIT;
SHOW work_mem;
BEGIN;
SAVEPOINT a;
SET work_mem = '12MB';
ROLLBACK TO a;
SHOW work_mem;
COMMIT;
SHOW work_mem;
SET LOCAL work_mem = '1MB';
SET nonsense = 1;
SET my.setting = 'x';
SHOW my.setting;
SELECT current_setting('my.setting');
SELECT set_config('my.setting', 'y', false);
SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new;
SHOW jit;
SELECT set_config('jit', 'on', false), current_setting('no.such', true), pg_catalog.current_setting('work_mem');
SHOW jit;
SHOW my.setting;
SELECT set_config('my.setting', 'z', true);
SHOW my.setting;
BEGIN;
SELECT set_config('my.setting', 'z', true);
SHOW my.setting;
COMMIT;
SHOW my.setting;
RESET ALL;
SHOW work_mem;
SET timezone = 'Asia/Tokyo';
SHOW timezone;
SELECT '2024-01-01 00:00+00'::timestamptz;
SET TIME ZONE 'UTC';
SET timezone TO DEFAULT;
SET application_name = 'me';
SHOW application_name;
SET client_encoding = 'LATIN1';
-- refused
SHOW client_encoding;
RESET client_encoding;
SET standard_conforming_strings = off;
-- refused
SELECT 'a\\b';
SET standard_conforming_strings = on;
SELECT 'a\\b';
SET extra_float_digits = 0;
CREATE TABLE f (id int PRIMARY KEY, v float8);
INSERT INTO f VALUES (1, 0.1), (2, 1.0 / 3);
SELECT * FROM f ORDER BY id;
SET bytea_output = 'escape';
SELECT '\x41ff'::bytea;
SET IntervalStyle = 'iso_8601';
SELECT interval '1 day 2 hours';
DISCARD ALL;
SHOW extra_float_digits;
SET statement_timeout = '1h';
SHOW statement_timeout;
SET SESSION AUTHORIZATION DEFAULT;
SET ROLE NONE;
SELECT current_user, session_user;
SET SCHEMA 'public';
SHOW search_path;
SHOW server_version_num;
SHOW nonsense;
SET work_mem = 'nonsense';
SET work_mem TO '16MB', '17MB';
PREPARE q AS SELECT 1;
EXECUTE q;
DEALLOCATE q;
DEALLOCATE q;
-- section names and schemas
CREATE TABLE "Mixed" ("Id" int PRIMARY KEY, "select" text, "with space" int, "quote""d" int);
INSERT INTO "Mixed" VALUES (1, 'a', 2, 3), (2, 'b', 4, 5);
INSERT INTO "Mixed" ("Id", "quote""d") VALUES (3, 1), (4, 2);
SELECT * FROM "Mixed" ORDER BY "Id";
SELECT "select", "with space" FROM "Mixed" WHERE "Id" = 1;
SELECT * FROM Mixed;
SELECT Id FROM "Mixed";
SELECT m."Id" FROM "Mixed" AS m ORDER BY m."Id" DESC;
SELECT "M"."Id" FROM "Mixed" AS "M" ORDER BY 1;
UPDATE "Mixed" SET "select" = 'z' WHERE "Id" IN (1, 3) RETURNING "Id";
CREATE SCHEMA "Other Schema";
CREATE SCHEMA s2;
CREATE TABLE "Other Schema".t (id int PRIMARY KEY, v text);
CREATE TABLE s2.t (id int PRIMARY KEY, w int);
INSERT INTO "Other Schema".t VALUES (1, 'other'), (2, 'more');
INSERT INTO s2.t VALUES (1, 100), (3, 300);
SELECT * FROM "Other Schema".t ORDER BY id;
SELECT * FROM s2.t ORDER BY id;
SELECT * FROM t;
SET search_path = s2, "Other Schema", public;
SELECT * FROM t ORDER BY id;
INSERT INTO t VALUES (4, 400);
SELECT * FROM t WHERE id = 4;
SET search_path = "Other Schema";
SELECT * FROM t ORDER BY id;
SELECT * FROM "Mixed";
BEGIN;
SET LOCAL search_path = s2;
SELECT * FROM t ORDER BY id;
ROLLBACK;
SELECT * FROM t ORDER BY id;
CREATE TABLE here (id int PRIMARY KEY);
INSERT INTO here VALUES (1), (2);
SET search_path = public;
SELECT * FROM here;
SELECT * FROM "Other Schema".here ORDER BY id;
SELECT a.v, b.w FROM "Other Schema".t a JOIN s2.t b ON a.id = b.id ORDER BY a.id;
SELECT s2.t.w FROM s2.t ORDER BY w;
SELECT pg_catalog.count(*) FROM s2.t;
SELECT oracle_script.s2.t.w FROM s2.t ORDER BY w;
SELECT * FROM oracle_script.s2.t ORDER BY id;
SELECT * FROM nodb.s2.t;
SELECT * FROM nos.t;
ALTER TABLE s2.t SET SCHEMA public;
SELECT * FROM t ORDER BY id;
ALTER TABLE t RENAME TO t9;
SELECT * FROM t9 ORDER BY id;
SELECT * FROM t;
DROP SCHEMA "Other Schema";
DROP SCHEMA "Other Schema" CASCADE;
DROP SCHEMA s2;
CREATE TABLE ünïcode (schlüssel int PRIMARY KEY, größe text);
INSERT INTO ünïcode VALUES (1, 'ß'), (2, '😀');
SELECT schlüssel, größe FROM ünïcode ORDER BY schlüssel;
SELECT größe, nope FROM ünïcode;
SELECT U&"schl\00fcssel" FROM ünïcode ORDER BY 1;
SELECT '😀' AS x, nope FROM ünïcode;
-- section ddl
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE TABLE t (id int);
CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY);
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
ALTER TABLE t ADD COLUMN w text DEFAULT 'w';
SELECT * FROM t ORDER BY id;
ALTER TABLE t ADD COLUMN w text;
ALTER TABLE t ADD COLUMN IF NOT EXISTS w text;
ALTER TABLE t ALTER COLUMN w SET NOT NULL;
ALTER TABLE t ALTER COLUMN w DROP NOT NULL, ALTER COLUMN w SET DEFAULT 'x';
INSERT INTO t VALUES (4, 4);
SELECT * FROM t ORDER BY id;
ALTER TABLE t RENAME COLUMN w TO x;
SELECT x FROM t WHERE id = 4;
SELECT w FROM t;
ALTER TABLE t ALTER COLUMN v TYPE bigint;
SELECT v FROM t WHERE id = 1;
ALTER TABLE t ALTER COLUMN v TYPE text USING v::text || '!';
SELECT v FROM t ORDER BY id;
ALTER TABLE t ADD CONSTRAINT long CHECK (length(v) < 5);
INSERT INTO t VALUES (5, 'too long'), (6, 'a');
ALTER TABLE t ADD CONSTRAINT fails CHECK (length(v) > 5);
ALTER TABLE t DROP CONSTRAINT long;
ALTER TABLE t DROP CONSTRAINT nothing;
ALTER TABLE t DROP COLUMN x;
SELECT * FROM t ORDER BY id;
CREATE INDEX ON t (v);
CREATE INDEX named ON t (v);
CREATE INDEX named ON t (v);
CREATE INDEX CONCURRENTLY con ON t (v);
DROP INDEX named;
DROP INDEX nothing;
CREATE VIEW vw AS SELECT id, v FROM t WHERE id < 3;
SELECT * FROM vw ORDER BY id;
SELECT count(*) FROM vw;
DROP VIEW vw;
COMMENT ON TABLE t IS 'a comment';
ANALYZE t;
VACUUM t;
BEGIN;
CREATE TABLE tx (id int PRIMARY KEY);
INSERT INTO tx VALUES (1), (2), (3);
SELECT * FROM tx ORDER BY id;
ALTER TABLE tx ADD COLUMN v int;
INSERT INTO tx VALUES (4, 4);
SELECT * FROM tx ORDER BY id;
ROLLBACK;
SELECT * FROM tx;
BEGIN;
CREATE TABLE tx (id int PRIMARY KEY);
INSERT INTO tx VALUES (1), (2), (3);
COMMIT;
SELECT * FROM tx ORDER BY id;
BEGIN;
DROP TABLE tx;
SELECT * FROM tx;
ROLLBACK;
SELECT * FROM tx ORDER BY id;
BEGIN;
SAVEPOINT a;
CREATE TABLE ty (id int PRIMARY KEY);
ROLLBACK TO a;
SELECT * FROM ty;
ROLLBACK;
BEGIN;
ALTER TABLE tx RENAME TO tz;
SELECT * FROM tz ORDER BY id;
SELECT * FROM tx;
ROLLBACK;
SELECT * FROM tx ORDER BY id;
DROP TABLE tx, t;
DROP TABLE tx;
DROP TABLE IF EXISTS tx;
CREATE TABLE bad (id int PRIMARY KEY, id text);
CREATE TABLE bad (id nosuchtype PRIMARY KEY);
CREATE TABLE bad (id int PRIMARY KEY, v int REFERENCES nowhere);
CREATE TABLE gen (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO gen VALUES (1, 1), (2, 2);
INSERT INTO gen (id, a, b) VALUES (3, 3, 3);
SELECT * FROM gen ORDER BY id;
CREATE SEQUENCE sq START 10;
SELECT nextval('sq');
SELECT nextval('sq'), currval('sq');
SELECT lastval();
SELECT setval('sq', 100);
SELECT nextval('sq');
INSERT INTO gen VALUES (nextval('sq'), 1);
SELECT id FROM gen ORDER BY id;
DROP SEQUENCE sq;
CREATE TABLE ct AS SELECT 1 AS a;
SELECT * FROM ct;
CREATE TEMP TABLE tt (id int PRIMARY KEY, v int);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE cp (id int PRIMARY KEY, p pair);
INSERT INTO cp VALUES (1, (1, 'x')), (2, ROW(2, 'y'));
SELECT id, p, (p).a FROM cp ORDER BY id;
DROP TYPE pair;
GRANT SELECT ON cp TO PUBLIC;
TRUNCATE cp, gen;
SELECT count(*) FROM cp;
-- section keys and constraints
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (pid int REFERENCES parent (id), n int, PRIMARY KEY (pid, n));
INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO child VALUES (1, 1), (2, 1), (1, 2);
INSERT INTO child VALUES (9, 1);
DELETE FROM parent WHERE id = 1;
DELETE FROM parent WHERE id = 3;
CREATE TABLE un (id int, email text, UNIQUE (id, email));
INSERT INTO un VALUES (1, 'a'), (1, 'b'), (NULL, 'a'), (NULL, 'a');
INSERT INTO un VALUES (1, 'a');
SELECT * FROM un ORDER BY id, email;
CREATE TABLE ref (id int PRIMARY KEY) WITH (pgring.placement = 'reference');
INSERT INTO ref VALUES (1), (2);
CREATE TABLE uses (id int PRIMARY KEY, r int REFERENCES ref);
INSERT INTO uses VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO uses VALUES (4, 9);
DELETE FROM ref WHERE id = 2;
CREATE TABLE ck (id int PRIMARY KEY, v int CHECK (v > 0) NOT NULL);
INSERT INTO ck VALUES (1, 1), (2, -1);
INSERT INTO ck VALUES (1, NULL);
INSERT INTO ck VALUES (1, 1), (2, 2), (3, 3), (4, 0);
SELECT count(*) FROM ck;
INSERT INTO ck VALUES (1, 1);
UPDATE ck SET v = -1;
-- refused
CREATE TABLE bad (id int PRIMARY KEY, email text UNIQUE);
-- refused
CREATE TABLE bad (id int PRIMARY KEY, p int REFERENCES parent);
ALTER TABLE ck ADD UNIQUE (id, v);
-- refused
ALTER TABLE ck ADD UNIQUE (v);
-- refused
CREATE UNIQUE INDEX ON ck (v);
ALTER TABLE child DROP CONSTRAINT child_pid_fkey;
DELETE FROM parent WHERE id = 1 RETURNING v;
CREATE TABLE casc (pid int PRIMARY KEY REFERENCES parent ON DELETE CASCADE);
INSERT INTO casc VALUES (2);
DELETE FROM parent WHERE id = 2;
SELECT count(*) FROM casc;
-- section placement functions
CREATE TABLE t (id int PRIMARY KEY, g int, v text) WITH (pgring.placement = 'home');
INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 3, 'd'), (5, NULL, 'e');
SELECT t.v FROM t ORDER BY id;
SELECT array_agg(v ORDER BY id), avg(g) FROM t;
-- pgring: SELECT create_distributed_table('t', 'id')
SELECT * FROM t ORDER BY id;
INSERT INTO t VALUES (6, 6, 'f'), (7, 7, 'g');
UPDATE t SET v = upper(v) WHERE id IN (1, 6) RETURNING *;
-- pgring: SELECT undistribute_table('t')
SELECT * FROM t ORDER BY id;
SELECT array_agg(v ORDER BY id) FROM t;
-- pgring: SELECT create_reference_table('t')
SELECT * FROM t ORDER BY id;
INSERT INTO t VALUES (8, 8, 'h');
DELETE FROM t WHERE g = 1;
SELECT * FROM t ORDER BY id;
-- pgring: SELECT undistribute_table('t')
SELECT string_agg(v, '' ORDER BY id) FROM t;
-- pgring: SELECT create_distributed_table('t', 'id')
SELECT * FROM t ORDER BY id DESC;
BEGIN;
-- pgring: SELECT undistribute_table('t')
SELECT count(*) FROM t;
ROLLBACK;
SELECT * FROM t ORDER BY id;
SELECT v FROM t WHERE id = 4;
CREATE TABLE s (id serial PRIMARY KEY, v text);
INSERT INTO s (v) VALUES ('a'), ('b'), ('c');
-- pgring: SELECT undistribute_table('s')
INSERT INTO s (v) VALUES ('d') RETURNING *;
-- pgring: SELECT create_distributed_table('s', 'id')
INSERT INTO s (v) VALUES ('e'), ('f') RETURNING *;
SELECT * FROM s ORDER BY id;
CREATE TABLE h (id int, v text) WITH (pgring.placement = 'home');
INSERT INTO h VALUES (1, 'a'), (2, 'b'), (2, 'b');
SELECT v, count(*) FROM h GROUP BY v ORDER BY v;
SELECT h.v, t.v FROM h JOIN t ON t.id = h.id;
UPDATE h SET v = 'z' WHERE id = 2 RETURNING *;
DELETE FROM h WHERE id = 1;
INSERT INTO h SELECT id + 10, v FROM h;
SELECT * FROM h ORDER BY id;
CREATE TABLE hr (id int) WITH (pgring.placement = 'reference');
INSERT INTO hr SELECT generate_series(1, 3);
SELECT h.id, hr.id FROM h JOIN hr ON hr.id = h.id ORDER BY 1;
INSERT INTO hr VALUES (random() * 0);
SELECT * FROM hr ORDER BY id;
-- section copy
CREATE TABLE c (id int PRIMARY KEY, t text, n numeric);
COPY c FROM STDIN;
1	a	1.5
2	\N	-2
3	tab\there	\N
4	back\\slash	0
\.
SELECT * FROM c ORDER BY id;
COPY c FROM STDIN WITH (FORMAT csv);
5,"with ""quotes""",1
6,,
7,"new
line",3
8,"",4
\.
SELECT * FROM c ORDER BY id;
COPY c (t, id) FROM STDIN WITH (FORMAT csv, HEADER);
t,id
nine,9
ten,10
\.
COPY c (t, id) FROM STDIN WITH (FORMAT csv, HEADER match);
t,id
eleven,11
\.
COPY c (t, id) FROM STDIN WITH (FORMAT csv, HEADER match);
id,t
12,eleven
\.
COPY c FROM STDIN WITH (DELIMITER '|', NULL 'nil');
13|nil|nil
14|a b|7
\.
COPY c FROM STDIN;
15	a	1
x	a	1
\.
COPY c FROM STDIN;
15	a	1
16	a
\.
COPY c FROM STDIN;
15	a	1
16	a	1	2
\.
COPY c FROM STDIN;
15	a	1
1	dup	1
\.
COPY c FROM STDIN;
15	a	1
\N	null key	1
\.
COPY c FROM STDIN;
\.
SELECT count(*) FROM c;
COPY c TO STDOUT;
COPY c TO STDOUT WITH (FORMAT csv);
COPY c (id, n) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE *);
COPY (SELECT id, t FROM c WHERE id = 1) TO STDOUT;
COPY (SELECT id, t FROM c WHERE id < 4) TO STDOUT;
COPY (SELECT 1, 'x') TO STDOUT;
COPY c TO STDOUT WITH (FORMAT csv, HEADER);
COPY nowhere FROM STDIN;
\.
COPY c (nope) FROM STDIN;
\.
BEGIN;
COPY c FROM STDIN;
20	in	1
21	transaction	1
\.
SELECT count(*) FROM c;
ROLLBACK;
SELECT count(*) FROM c;
CREATE TABLE cr (id int, v text) WITH (pgring.placement = 'reference');
COPY cr FROM STDIN;
1	a
2	b
\.
SELECT * FROM cr ORDER BY id;
COPY cr TO STDOUT;
CREATE TABLE ch (id int, v text) WITH (pgring.placement = 'home');
COPY ch FROM STDIN CSV;
1,a
2,b
\.
SELECT * FROM ch ORDER BY id;
CREATE TABLE cs (id serial PRIMARY KEY, v text);
COPY cs (v) FROM STDIN;
a
b
\.
CREATE TABLE ck (k text, v int) WITH (pgring.shard_key = 'k');
COPY ck FROM STDIN;
a	1
\N	2
	3
ä	4
\\	5
\x41	6
\101	7
\.
SELECT * FROM ck ORDER BY v;
SELECT v FROM ck WHERE k = 'A' ORDER BY v;
SELECT v FROM ck WHERE k = '';
