-- section every type that travels as an array parameter
CREATE DOMAIN small AS varchar(4) CHECK (value <> 'bad');
CREATE DOMAIN deep AS small;
CREATE DOMAIN amount AS numeric(8,2) NOT NULL;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int4, b text);
CREATE TABLE t (
  id int8 PRIMARY KEY, c_bool bool, c_bytea bytea, c_char "char", c_name name, c_int2 int2, c_int4 int4, c_text text,
  c_c text COLLATE "C", c_oid oid, c_json json, c_xml xml, c_cidr cidr, c_float4 float4, c_float8 float8, c_money money,
  c_macaddr8 macaddr8, c_macaddr macaddr, c_inet inet, c_bpchar char(5), c_bpchar_free bpchar, c_varchar varchar(6),
  c_varchar_c varchar(6) COLLATE "POSIX", c_date date, c_time time(2), c_timestamp timestamp(3), c_timestamptz timestamptz,
  c_interval interval, c_interval_part interval day to second(2), c_timetz timetz, c_numeric numeric,
  c_numeric_part numeric(10,3), c_uuid uuid, c_jsonb jsonb, c_xid8 xid8, c_pg_lsn pg_lsn, c_tsvector tsvector,
  c_tsquery tsquery, c_jsonpath jsonpath, c_bit bit(3), c_varbit varbit(7), c_point point, c_lseg lseg, c_path path,
  c_box box, c_polygon polygon, c_line line, c_circle circle, c_int4range int4range, c_numrange numrange,
  c_tsrange tsrange, c_tstzrange tstzrange, c_daterange daterange, c_int8range int8range,
  c_multi int4multirange, c_small small, c_deep deep, c_amount amount
);
INSERT INTO t (id, c_amount) VALUES (1, 1.5), (2, 2);
INSERT INTO t VALUES (3, true, '\x00ff', 'x', 'a name', 2, 4, 'Text, "quoted" {with} braces\\', 'Ä', 26, '{"a": [1, null]}',
  '<a b="c"/>', '10.0.0.0/8', 'NaN', '-infinity', 12.34, '08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03', '::1', 'ab', 'ab  ',
  'abc', 'Abc', 'infinity', '12:00:00.129', '2020-02-29 12:00:00.1239', '2020-02-29 12:00:00+03', '1 mon -3 days 04:05',
  '1 day 02:03:04.567', '12:00:00+05:30', '123456789012345678901234567890.000100', 1.5, '00000000-0000-0000-0000-000000000001',
  '{"b": 1, "a": {}}', '99', '16/B374D848', 'a fat cat', 'fat & rat', '$.a[*] ? (@ > 1)', B'101', B'1', '(1,2)',
  '[(1,2),(3,4)]', '((1,2),(3,4))', '((1,2),(3,4))', '((1,2),(3,4),(5,0))', '{1,2,3}', '<(1,2),3>', '[1,5)', '[1.5,)',
  '[2020-01-01,2021-01-01)', '(,2020-01-01]', 'empty', '[5,6]', '{[1,2],[5,7)}', 'abcd', 'ef', 7);
INSERT INTO t (id, c_text, c_c, c_small, c_amount) VALUES (4, '', '', '', 0), (5, 'Zebra', 'zebra', 'zebr', 1), (6, 'äther', 'a', 'z', 3);
SELECT *, count(*) OVER () AS all_rows FROM t ORDER BY id;
SELECT id, c_text FROM t ORDER BY c_text, id;
SELECT id, c_c FROM t ORDER BY c_c, id;
SELECT c_c < 'b' AS c_order, c_text < 'b' AS database_order, count(*) FROM t GROUP BY 1, 2 ORDER BY 1, 2;
SELECT pg_typeof(c_deep), pg_typeof(c_amount), pg_typeof(c_bpchar), pg_typeof(c_char), count(DISTINCT id) FROM t GROUP BY 1, 2, 3, 4;
SELECT max(c_bpchar_free || '|'), max(c_bpchar || '|'), count(DISTINCT c_bpchar = 'ab') FROM t;
SELECT a.id, b.id FROM t a JOIN t b ON a.c_numeric_part = b.c_numeric_part AND a.c_jsonb = b.c_jsonb ORDER BY 1;
SELECT a.c_c || b.c_varchar_c < 'x' FROM t a, t b WHERE a.id = 3;
SELECT row_to_json(t) FROM t ORDER BY c_c, id;
SELECT t IS NULL AS no_row, s.id FROM t RIGHT JOIN t s ON t.id = s.id + 3 ORDER BY 2;
SELECT count(DISTINCT t.id) FROM ONLY t;
SELECT id, c_text, count(*) OVER () FROM t GROUP BY id ORDER BY id;
TABLE t ORDER BY c_text, id LIMIT 1;
SELECT c_small, count(*) OVER (ORDER BY c_small, id) FROM t * ORDER BY 1, 2;
SELECT (SELECT string_agg(c_name::text || c_uuid::text, ',') FROM t), sum(c_amount) OVER () FROM t WHERE false;

-- section types that do not
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int4, b text);
CREATE TABLE t (id int8 PRIMARY KEY, a int4[], b text[][], e mood, p pair, ps pair[], r regclass, v int2vector);
INSERT INTO t VALUES (1, '{1,NULL}', '{{a,b},{c,NULL}}', 'happy', '(1,x)', '{"(2,y)"}', 'pg_class', '1 2');
INSERT INTO t VALUES (2, '[3:4]={5,6}', '{}', 'sad', NULL, NULL, 'pg_type', '3'), (3, NULL, NULL, NULL, '(,)', '{NULL}', NULL, NULL);
SELECT *, count(*) OVER () FROM t ORDER BY id;
SELECT array_agg(e ORDER BY e), min(e), count(DISTINCT p) FROM t;
SELECT a.id, b.id FROM t a JOIN t b ON a.a IS NOT DISTINCT FROM b.a AND a.e >= b.e ORDER BY 1;

-- section few rows beside many
CREATE TABLE few (id int8 PRIMARY KEY, g int4, x text);
CREATE TABLE many (id int8 PRIMARY KEY, g int4, x text);
INSERT INTO few SELECT n, n % 3, 'x' || n FROM generate_series(1, 10) AS n;
INSERT INTO many SELECT n, n % 7, repeat('y', 50) || n FROM generate_series(1, 5000) AS n;
SELECT f.g, count(DISTINCT m.x), max(m.id) FROM few f JOIN many m ON f.g = m.g GROUP BY f.g ORDER BY 1;
SELECT count(DISTINCT a.x), count(DISTINCT b.x), count(DISTINCT c.x) FROM many a JOIN few b ON a.g = b.g LEFT JOIN many c ON c.id = b.id + 4000;
SELECT a.id, a.x FROM few a WHERE a.x IN (SELECT 'x' || g FROM many) ORDER BY a.x, a.id;
SELECT x FROM many WHERE id > 4997 UNION SELECT x FROM few WHERE g = 1 ORDER BY 1;
BEGIN;
INSERT INTO few SELECT n, n % 3, 'new' FROM generate_series(11, 2000) AS n;
DELETE FROM many WHERE id > 10;
SELECT f.g, count(DISTINCT m.x), count(DISTINCT f.x) FROM few f JOIN many m ON f.g = m.g GROUP BY f.g ORDER BY 1;
SET LOCAL extra_float_digits = 0;
SELECT DISTINCT max(0.1::float8 + 0.2) OVER () FROM few;
ROLLBACK;
SELECT f.g, count(DISTINCT m.x), count(DISTINCT f.x) FROM few f JOIN many m ON f.g = m.g GROUP BY f.g ORDER BY 1;
CREATE TABLE kept (g int4, x text, n int8);
-- pgring: SELECT create_distributed_table('kept', 'g')
INSERT INTO kept SELECT f.g, m.x, count(*) FROM few f JOIN many m ON f.g = m.g GROUP BY f.g, m.x;
INSERT INTO kept SELECT g, string_agg(x, ',' ORDER BY x), 0 FROM few GROUP BY g;
SELECT count(*), sum(n), min(x), max(x COLLATE "C") FROM kept;

-- section one small relation goes to the shards of a large one
CREATE DOMAIN code AS varchar(8);
CREATE TABLE big (id int8 PRIMARY KEY, g int4, t text, c text COLLATE "C");
CREATE TABLE few (id int8 PRIMARY KEY, g int4, t text, c text COLLATE "C", n numeric(6,2));
CREATE TABLE coded (id int8 PRIMARY KEY, g code);
CREATE TABLE ref (id int8 PRIMARY KEY, t text);
-- pgring: SELECT create_reference_table('ref')
INSERT INTO big SELECT n, nullif(n % 40, 0), repeat('t', 60) || n % 5, 'c' || n % 5 FROM generate_series(1, 6000) AS n;
INSERT INTO few SELECT n, nullif(n, 7), repeat('t', 60) || n % 5, 'c' || n, n / 3.0 FROM generate_series(1, 9) AS n;
INSERT INTO coded SELECT n, n::text FROM generate_series(1, 3) AS n;
INSERT INTO ref VALUES (1, 'one'), (2, 'two');
SELECT count(*), max(b.id), sum(f.n), min(f.c) FROM big b JOIN few f ON b.g = f.g;
SELECT count(*) FROM big LEFT JOIN few USING (g);
SELECT count(*) FROM few LEFT JOIN big USING (g);
SELECT count(*) FROM big FULL JOIN few USING (g);
SELECT count(*) FROM big b WHERE b.g IN (SELECT g FROM few);
SELECT count(*) FROM big b WHERE b.g NOT IN (SELECT g FROM few);
SELECT count(*) FROM big b WHERE b.g NOT IN (SELECT g FROM few WHERE g IS NOT NULL);
SELECT count(*) FROM big b WHERE EXISTS (SELECT FROM few WHERE few.t = b.t AND few.id > b.g);
SELECT count(*) FROM big b WHERE NOT EXISTS (SELECT FROM few WHERE few.c = b.c);
SELECT b.id, f.c, f.n FROM big b, few AS f (a, b) WHERE b.g = f.b AND f.a < 4 ORDER BY b.id DESC, f.n LIMIT 5 OFFSET 2;
SELECT b.*, few.* FROM big b JOIN few ON b.g = few.g AND b.c = few.c WHERE b.id < 200 ORDER BY b.id, few.id;
SELECT b.id, f.g, r.t FROM big b JOIN few f ON b.g = f.g JOIN ref r ON r.id = f.id ORDER BY 1, 2 LIMIT 7;
SELECT b.id, count(*), max(f.n) FROM big b JOIN few f ON b.t = f.t WHERE b.id < 12 GROUP BY b.id ORDER BY b.id;
SELECT b.id, row_number() OVER (PARTITION BY b.id ORDER BY f.id) FROM big b JOIN few f ON b.t = f.t WHERE b.id < 4 ORDER BY 1, 2;
SELECT DISTINCT b.id, f.c FROM big b CROSS JOIN few f WHERE b.id < 3 ORDER BY b.id, f.c;
SELECT count(*) FROM big b JOIN coded c ON b.g::text = c.g;
SELECT b.id, f.s FROM big b JOIN LATERAL (SELECT sum(n) AS s FROM few WHERE few.g < b.g) f ON true WHERE b.id < 20 ORDER BY 1;
SELECT count(*) FROM big b JOIN few f ON b.g = f.g JOIN few h ON h.id = f.g + 1;
SELECT count(*) FROM big b JOIN few f ON b.g = f.g WHERE false;
WITH w AS (SELECT g, c FROM few WHERE id > 2) SELECT count(*), min(w.c) FROM big JOIN w USING (g);
SELECT 1 / (b.g - f.g) FROM big b JOIN few f ON b.g = f.g;
BEGIN;
DELETE FROM few WHERE id > 2;
SELECT count(*), max(b.id) FROM big b JOIN few f ON b.g = f.g;
UPDATE big SET g = 1 WHERE id > 5000;
SELECT count(*), max(b.id) FROM big b JOIN few f ON b.g = f.g;
INSERT INTO few SELECT n, 1, 'z', 'z', 0 FROM generate_series(100, 1500) AS n;
SELECT count(*), max(b.id) FROM big b JOIN few f ON b.g = f.g;
ROLLBACK;
SELECT count(*), max(b.id) FROM big b JOIN few f ON b.g = f.g;
SELECT count(*) FROM big b WHERE b.g IN (SELECT g FROM few WHERE g IS NOT NULL LIMIT 3);
TRUNCATE few;
SELECT count(*), max(b.id) FROM big b JOIN few f ON b.g = f.g;
SELECT count(*), max(b.id) FROM big b LEFT JOIN few f ON b.g = f.g;
