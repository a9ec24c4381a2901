-- section subqueries over reference tables that are alike on every copy
CREATE TABLE s (id int8 PRIMARY KEY, g int4, x text, n numeric, f float8);
CREATE TABLE r (id int8 PRIMARY KEY, g int4, x text, n numeric, f float8) WITH (pgring.placement = 'reference');
INSERT INTO s SELECT n, n % 7, 'x' || n % 5, n / 4.0, n / 3.0 FROM generate_series(1, 60) AS n;
INSERT INTO r SELECT n, n % 4, 'x' || n % 3, n / 4.0, n / 7.0 FROM generate_series(1, 12) AS n;
SELECT s.id, q.* FROM s JOIN (SELECT g, count(*), sum(id), min(x), max(n::numeric(8,2)), avg(id) FROM r GROUP BY g) q ON q.g = s.g ORDER BY s.id;
SELECT id FROM s WHERE x IN (SELECT x FROM r WHERE g > 1) ORDER BY id;
SELECT id, (SELECT x FROM r WHERE r.id = s.id LIMIT 1) FROM s ORDER BY id;
SELECT id, (SELECT array_agg(x) FROM r WHERE r.id = s.id) FROM s ORDER BY id;
SELECT id FROM s WHERE EXISTS (SELECT 1 FROM r WHERE r.g = s.g LIMIT 1) ORDER BY id;
SELECT id FROM s WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.g = s.g OFFSET 1) ORDER BY id;
SELECT s.id, q.id FROM s JOIN (SELECT * FROM r ORDER BY g DESC, id LIMIT 4) q ON q.g = s.g ORDER BY 1, 2;
SELECT s.id, q.id FROM s JOIN (SELECT DISTINCT ON (g) * FROM r ORDER BY g, id) q ON q.g = s.g ORDER BY 1, 2;
SELECT id, (SELECT string_agg(x, ',' ORDER BY id) FROM r), (SELECT array_agg(DISTINCT x ORDER BY x) FROM r) FROM s ORDER BY id;
SELECT s.id, q.* FROM s JOIN (SELECT g, rank() OVER (ORDER BY x), row_number() OVER (ORDER BY id), sum(id) OVER (PARTITION BY x) FROM r) q ON q.g = s.g ORDER BY 1, 4;
SELECT s.id, q.* FROM s JOIN (SELECT g, x FROM r UNION SELECT g, 'y' FROM r) q ON q.g = s.g ORDER BY 1, 2, 3;
SELECT s.id, q.* FROM s JOIN (SELECT DISTINCT g, x FROM r) q ON q.g = s.g ORDER BY 1, 2, 3;
SELECT s.id, q.* FROM s, (SELECT g, row_number() OVER () FROM generate_series(1, 5) AS g LIMIT 2) q ORDER BY 1, 2;
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT s.id, t.n FROM s JOIN t ON t.n = s.g ORDER BY 1, 2;
UPDATE s SET x = (SELECT max(x) FROM r WHERE r.g = s.g) WHERE g < 3;
DELETE FROM s WHERE g IN (SELECT g FROM r ORDER BY id LIMIT 1);
SELECT * FROM s ORDER BY id;

-- section subqueries over reference tables that are not
CREATE TABLE s (id int8 PRIMARY KEY, g int4, x text, n numeric, f float8);
CREATE TABLE r (id int8 PRIMARY KEY, g int4, x text, n numeric, f float8) WITH (pgring.placement = 'reference');
INSERT INTO s SELECT n, n % 7, 'x' || n % 5, n / 4.0, n / 3.0 FROM generate_series(1, 60) AS n;
INSERT INTO r SELECT n, n % 4, 'x' || n % 3, n / 4.0, n / 7.0 FROM generate_series(1, 12) AS n;
SELECT count(DISTINCT (SELECT random())) FROM s;
SELECT count(DISTINCT v), count(*) FROM (SELECT id, (SELECT random()) AS v FROM s) q;
WITH q AS MATERIALIZED (SELECT g, random() AS v FROM r) SELECT count(DISTINCT q.v) FROM s JOIN q ON q.g = s.g;
SELECT count(DISTINCT v) FROM s, random() AS v;
SELECT count(DISTINCT q.id) FROM s, (SELECT id FROM r LIMIT 3) q;
CREATE VIEW three AS SELECT id, g FROM r LIMIT 3;
SELECT count(DISTINCT three.id), count(*) FROM s, three;
CREATE VIEW chance AS SELECT id, g, random() AS v FROM r;
SELECT s.id, c.id FROM s JOIN chance c ON c.g = s.g AND c.v >= 0 ORDER BY 1, 2;
SELECT count(DISTINCT q.id) FROM s, (SELECT id FROM r OFFSET 9) q;
SELECT count(DISTINCT (SELECT x FROM r LIMIT 1)) FROM s;
SELECT count(DISTINCT (SELECT array_agg(id) FROM r)), count(DISTINCT (SELECT sum(f) FROM r)) FROM s;
SELECT count(*), count(DISTINCT s.id) FROM s JOIN (SELECT id, row_number() OVER () AS w FROM r) q ON q.w = s.g;
SELECT count(DISTINCT q.id) FROM s, (SELECT DISTINCT ON (g) * FROM r) q;
SELECT count(DISTINCT v) FROM s, (VALUES (1, (SELECT random())), (2, 0.0)) q(k, v) WHERE k = 1;
SELECT s.id, q.f FROM s, (SELECT sum(n) AS f FROM r GROUP BY n / 2 ORDER BY 1 LIMIT 1) q ORDER BY 1;
SELECT s.id, (SELECT x FROM r ORDER BY x, g LIMIT 1) FROM s ORDER BY id;
SELECT s.id, q.x FROM s JOIN (SELECT g, x FROM r ORDER BY x FETCH FIRST 2 ROWS WITH TIES) q ON q.g = s.g ORDER BY 1, 2;
SELECT s.id, q.w FROM s JOIN (SELECT DISTINCT n AS w FROM r) q ON q.w = s.n ORDER BY 1;
-- refused
UPDATE s SET x = (SELECT x FROM r LIMIT 1);
-- refused
UPDATE s SET f = (SELECT random()) WHERE g > 2;
-- refused
DELETE FROM s WHERE g IN (SELECT g FROM r LIMIT 1);
-- refused
DELETE FROM s WHERE g IN (SELECT g FROM three);
-- refused
MERGE INTO s USING s AS o ON s.id = o.id WHEN MATCHED THEN UPDATE SET x = (SELECT x FROM r LIMIT 1);
UPDATE s SET x = (SELECT x FROM r ORDER BY id LIMIT 1) WHERE id = 4;
SELECT * FROM s ORDER BY id;

-- section writes to every copy of a reference table
CREATE TABLE r (id int8 PRIMARY KEY, g int4, x text, f float8) WITH (pgring.placement = 'reference');
CREATE TABLE t (id int8 PRIMARY KEY, g int4, x text, f float8) WITH (pgring.placement = 'reference');
INSERT INTO r SELECT n, n % 4, 'x' || n % 3, n / 7.0 FROM generate_series(1, 12) AS n;
INSERT INTO t SELECT n, n % 3, 'y' || n % 5, n / 7.0 FROM generate_series(1, 9) AS n;
UPDATE r SET x = (SELECT string_agg(x, ',' ORDER BY id) FROM t WHERE t.g = r.g);
UPDATE r SET g = t.g + 10, x = t.x FROM t WHERE t.id = r.id AND t.g > 0;
UPDATE r SET x = v.x FROM (VALUES (3, 'three'), (4, 'four')) v(id, x) WHERE v.id = r.id;
DELETE FROM r WHERE id IN (SELECT id FROM r ORDER BY id DESC LIMIT 2);
DELETE FROM r USING t WHERE t.g = r.g AND t.x = 'y4';
INSERT INTO r SELECT id + 100, g, (SELECT max(x) FROM t), f FROM t ORDER BY id LIMIT 3;
-- refused
UPDATE r SET x = (SELECT x FROM t LIMIT 1);
-- refused
UPDATE r SET x = (SELECT string_agg(x, ',') FROM t);
-- refused
UPDATE r SET f = (SELECT sum(f) FROM t);
-- refused
UPDATE r SET x = t.x FROM t WHERE t.g = r.g;
-- refused
DELETE FROM r WHERE id IN (SELECT id FROM r LIMIT 1);
SELECT * FROM r ORDER BY id;
