-- section COPY of queries
CREATE TABLE t (id int8 PRIMARY KEY, g int4, x text COLLATE "C", n numeric(9,3), b bytea, f float8, d date);
INSERT INTO t SELECT i, i % 5, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 7 = 1 THEN '' ELSE E'a"b,c\td\\e' || i END, i / 7.0, decode(lpad(to_hex(i), 4, '0'), 'hex'), i * 1.5, '2020-01-01'::date + i::int FROM generate_series(1, 40) AS i;
INSERT INTO t VALUES (100, 1, E'line\nbreak\rreturn\x08\x0c\x0b', 1, NULL, 'NaN', 'infinity'), (101, 2, '\.', NULL, '', '-Infinity', NULL), (102, 3, '\N', 0, '\x00ff', 0, NULL), (103, 4, 'Größe €|''', -1.5, NULL, 1e-300, NULL);
CREATE TABLE r (g int4 PRIMARY KEY, label text);
-- pgring: SELECT create_reference_table('r')
INSERT INTO r VALUES (0, 'zero'), (1, 'one');
COPY (SELECT * FROM t ORDER BY id) TO STDOUT;
COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT csv);
COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT id, x FROM t ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER true, DELIMITER '|', NULL 'NULL', QUOTE '''', ESCAPE '\');
COPY (SELECT id, x, n FROM t ORDER BY id DESC LIMIT 7) TO STDOUT (FORMAT csv, FORCE_QUOTE (x, n));
COPY (SELECT id, x, n FROM t ORDER BY id OFFSET 30) TO STDOUT (FORMAT csv, FORCE_QUOTE *, NULL 'x');
COPY (SELECT x FROM t ORDER BY id) TO STDOUT (FORMAT csv);
COPY (SELECT x FROM t ORDER BY id) TO STDOUT (DELIMITER '|', NULL '', HEADER);
COPY (SELECT x AS "a,""b" FROM t ORDER BY id LIMIT 2) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT binary);
COPY (SELECT * FROM t ORDER BY id LIMIT 0) TO STDOUT (FORMAT binary);
COPY (SELECT * FROM t WHERE false ORDER BY id) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT count(*), sum(n), min(x), max(id) FROM t) TO STDOUT;
COPY (SELECT count(*), max(d) FROM t) TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT count(*), max(id) FROM t) TO STDOUT (FORMAT binary);
COPY (SELECT g, count(*), avg(n), string_agg(x, '|' ORDER BY id) FROM t GROUP BY g ORDER BY g) TO STDOUT;
COPY (SELECT g, count(*) FROM t GROUP BY g ORDER BY g) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE (count));
COPY (SELECT g, row_number() OVER (ORDER BY id), x FROM t WHERE id < 9 ORDER BY id) TO STDOUT (FORMAT binary);
COPY (SELECT t.id, label FROM t JOIN r USING (g) ORDER BY t.id LIMIT 3) TO STDOUT;
COPY (WITH w AS (SELECT max(id) AS m FROM t) SELECT m, g FROM w JOIN t ON id = m - 1) TO STDOUT;
COPY (SELECT id, x FROM t WHERE id = 102) TO STDOUT;
COPY (SELECT label FROM r ORDER BY g) TO STDOUT (FORMAT csv);
COPY (SELECT 1 AS one UNION SELECT 2 ORDER BY 1) TO STDOUT;
COPY (VALUES (1, 'a'), (2, NULL)) TO STDOUT (FORMAT csv);
COPY (TABLE r ORDER BY g) TO STDOUT;
COPY (SELECT id FROM t -- a comment
ORDER BY id LIMIT 2 -- another
) TO STDOUT;
COPY (SELECT nothing FROM t ORDER BY id) TO STDOUT;
COPY (SELECT id, x FROM t ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE (nothing));
COPY (SELECT id, x FROM t ORDER BY id) TO STDOUT (DELIMITER 'ab');
COPY (SELECT id, x FROM t ORDER BY id) TO STDOUT (FORMAT csv, DELIMITER '"');
COPY (SELECT id, x FROM t ORDER BY id) TO STDOUT (FORMAT binary, HEADER);
COPY (SELECT id, 1 / (id - 20) FROM t ORDER BY id) TO STDOUT (FORMAT csv, HEADER match);
COPY (SELECT id FROM t ORDER BY id LIMIT -1) TO STDOUT;
COPY (SELECT $1 FROM t ORDER BY id) TO STDOUT;
SELECT count(*) FROM t;
CREATE VIEW v AS SELECT id, upper(x) AS u FROM t WHERE g = 3;
COPY (SELECT * FROM v ORDER BY id) TO STDOUT;
COPY (SELECT count(*) FROM v) TO STDOUT;
COPY (SELECT * FROM v ORDER BY id LIMIT 3) TO STDOUT (FORMAT binary);
BEGIN;
DELETE FROM t WHERE id > 10;
COPY (SELECT id, g FROM t ORDER BY id DESC) TO STDOUT;
COPY (SELECT count(DISTINCT g), avg(n) FROM t) TO STDOUT;
ROLLBACK;
COPY (INSERT INTO t (id, x) VALUES (500, 'new') RETURNING id, x, n) TO STDOUT;
COPY (UPDATE t SET x = 'changed' WHERE id = 500 RETURNING *) TO STDOUT (FORMAT csv);
COPY (UPDATE t SET x = 'all' WHERE g = 1 RETURNING id, x) TO STDOUT;
COPY (DELETE FROM t WHERE g = 2 RETURNING id) TO STDOUT;
-- refused
COPY (INSERT INTO t (id, x) VALUES (601, 'new'), (602, 'new') RETURNING id) TO STDOUT;
COPY (DELETE FROM t WHERE id = 1) TO STDOUT;
SELECT count(*), count(*) FILTER (WHERE x = 'all') FROM t;

-- section COPY of tables in binary
CREATE TABLE t (id int8 PRIMARY KEY, x text, a int4[]);
INSERT INTO t SELECT i, 'x' || i, ARRAY[i, NULL] FROM generate_series(1, 30) AS i;
CREATE TABLE e (id int8 PRIMARY KEY, x text);
COPY e TO STDOUT (FORMAT binary);
COPY t TO STDOUT (FORMAT binary);
COPY t (x, id) TO STDOUT (FORMAT binary);
COPY (SELECT id, a FROM t) TO STDOUT (FORMAT binary);
INSERT INTO e VALUES (1, 'one');
COPY e TO STDOUT (FORMAT binary);
COPY e TO STDOUT BINARY;
