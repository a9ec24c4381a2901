-- What PostgreSQL's own regression files found (npm run regress), in words of our own.

-- section inheritance
CREATE TABLE places (name text, population int, area float8);
CREATE TABLE capitals (state char(2)) INHERITS (places);
CREATE TABLE seats (since date, UNIQUE (name, since)) INHERITS (capitals);
INSERT INTO places SELECT 'village ' || n, n * 10, n FROM generate_series(1, 40) n;
INSERT INTO capitals SELECT 'capital ' || n, n * 1000, n, 's' || n % 10 FROM generate_series(1, 20) n;
INSERT INTO seats SELECT 'seat ' || n, n * 100, n, 'x', date '2020-01-01' + n FROM generate_series(1, 10) n;
SELECT name, population FROM places WHERE population > 300 ORDER BY population, name COLLATE "C";
SELECT count(*), sum(population) FROM places;
SELECT count(*), sum(population) FROM ONLY places;
SELECT count(*) FROM ONLY (places);
SELECT count(*) FROM places *;
SELECT count(*) FROM capitals* c;
SELECT avg(population) FROM places;
SELECT avg(population) FROM ONLY places;
SELECT avg(population) FROM ONLY (places);
SELECT avg(places.population) FROM places *;
SELECT avg(p.population), avg(o.population) FROM places p FULL JOIN ONLY places o ON p.population = o.population + 1;
SELECT c.name, rank() OVER (ORDER BY c.population) FROM ONLY capitals AS c ORDER BY 2;
SELECT name, state FROM capitals WHERE name = 'seat 3';
UPDATE places SET area = area + 1 WHERE population >= 1000 RETURNING name, area;
UPDATE ONLY places SET area = 0;
SELECT sum(area) FROM places;
DELETE FROM capitals WHERE population < 300;
SELECT count(*) FROM places;
DELETE FROM ONLY capitals;
SELECT count(*) FROM capitals;
TRUNCATE ONLY places;
SELECT count(*) FROM places;
ALTER TABLE seats NO INHERIT capitals;
SELECT count(*) FROM places;
ALTER TABLE seats INHERIT capitals;
SELECT count(*) FROM places;
ALTER TABLE places ADD COLUMN note text DEFAULT 'none';
SELECT name, note FROM places ORDER BY name COLLATE "C";
COPY seats (name, population) FROM STDIN;
seat a	5
seat b	6
\.
SELECT count(*), min(population) FROM capitals;
-- refused
SELECT create_reference_table('capitals');
CREATE TABLE mayors (id int PRIMARY KEY);
-- refused
CREATE TABLE of_both () INHERITS (places, mayors);
-- refused
CREATE TABLE elsewhere (x int) INHERITS (places) WITH (pgring.placement = 'reference');
-- refused
CREATE TABLE numbers (y int, UNIQUE (y)) INHERITS (places);
CREATE TABLE lone (name text, population int, area float8, note text) WITH (pgring.shard_key = 'population');
-- refused
ALTER TABLE lone INHERIT places;
DROP TABLE places;
DROP TABLE places CASCADE;
SELECT count(*) FROM seats;

-- section only one level of a partitioned table
CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (50);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (50) TO (100);
INSERT INTO parted SELECT n, n % 7 FROM generate_series(0, 99) n;
SELECT avg(v) FROM parted;
SELECT avg(v) FROM ONLY parted;
SELECT a.v, count(*) FROM parted a JOIN ONLY parted b ON a.v = b.v GROUP BY a.v;

-- section aggregates of the level around them
CREATE TABLE o (k int PRIMARY KEY, v int);
INSERT INTO o SELECT n, n % 13 FROM generate_series(1, 50) n;
SELECT (SELECT max((SELECT i.v FROM o i WHERE i.k = o.k))) FROM o;
SELECT (SELECT max((SELECT i.v FROM o i WHERE i.k = o.k)) FILTER (WHERE o.k < 10)) FROM o;
SELECT (SELECT count(o.k)) FROM o;
SELECT (SELECT count(i.k) FROM o i WHERE i.k = o.k) AS n FROM o ORDER BY o.k;
SELECT (6 = ANY (array_agg(v))) = ANY (SELECT false) FROM o;
SELECT 1275 IN (SELECT sum(o.k)) FROM o;
SELECT k FROM o GROUP BY k HAVING (SELECT sum(o.v) > 11) ORDER BY k;
SELECT EXISTS (SELECT 1 FROM o i WHERE i.k = o.k GROUP BY i.k HAVING sum(i.v) > 3) AS e, k FROM o ORDER BY k;

-- section the word TABLE and aliases of joins
CREATE TABLE a (x int, y text);
CREATE TABLE b (x int, z int);
INSERT INTO a VALUES (1, 'one'), (2, 'two'), (3, 'three'), (NULL, 'none');
INSERT INTO b VALUES (1, -1), (2, 2), (3, -3), (5, -5), (NULL, 0);
VALUES (7, 8) UNION ALL TABLE b;
TABLE a UNION TABLE a ORDER BY y;
SELECT count(*) FROM (TABLE b UNION ALL TABLE ONLY b) AS t;
WITH w AS (TABLE a) SELECT string_agg(y, ',' ORDER BY y) FROM w;
SELECT one, four FROM (a CROSS JOIN b) AS j (one, two, three, four);
SELECT two FROM (a LEFT JOIN b USING (x)) AS j (one, two, three) WHERE three < 0;
SELECT j.z FROM (a FULL JOIN b ON a.x = b.z) AS j WHERE j.y IS NULL;
SELECT count(row_to_json(j)), max(row_to_json(j)::text) FROM (a JOIN b ON a.x = b.x + 1) AS j (p, q, r, s);

-- section the order of a subquery in FROM
CREATE TABLE s (k int PRIMARY KEY, v int);
INSERT INTO s SELECT n, (n * 37) % 101 FROM generate_series(1, 60) n;
SELECT * FROM (SELECT k, v FROM s ORDER BY v, k) AS x LIMIT 5;
-- ordered
SELECT * FROM (SELECT k, v FROM s ORDER BY v) AS x;
-- ordered
SELECT v FROM (SELECT * FROM (SELECT k, v FROM s ORDER BY v DESC) AS x) AS y WHERE k > 20;
CREATE VIEW s_sorted AS SELECT k, v FROM s ORDER BY v DESC;
-- ordered
SELECT * FROM s_sorted;
-- ordered
TABLE s_sorted;
SELECT count(*) FROM s_sorted;
SELECT k FROM s_sorted ORDER BY k;
SELECT k, max(v) FROM s_sorted GROUP BY k;
-- ordered
WITH w AS (SELECT v FROM s ORDER BY v) SELECT v FROM w;

-- section WITH RECURSIVE sees what comes after
CREATE TABLE r (id int);
INSERT INTO r VALUES (1), (2), (3);
WITH RECURSIVE x (id) AS (SELECT * FROM y UNION ALL SELECT id + 1 FROM x WHERE id < 5), y (id) AS (VALUES (1)) SELECT * FROM x;
WITH RECURSIVE x (id) AS (SELECT id FROM y UNION ALL SELECT id + 1 FROM x WHERE id < 5), y (id) AS (SELECT max(id) FROM r) SELECT id, count(*) FROM x GROUP BY id ORDER BY id;
WITH RECURSIVE p AS (SELECT id FROM q WHERE id > 1), q AS (SELECT id FROM z), z AS (SELECT id FROM r) SELECT count(*) FROM p;

-- section what is wrong with a WITH query
CREATE TABLE r (id int);
WITH RECURSIVE x (n) AS (SELECT n FROM x) SELECT * FROM x;
WITH RECURSIVE x (n) AS (SELECT n FROM x UNION ALL SELECT 1) SELECT * FROM x;
WITH RECURSIVE x (n) AS (WITH w AS (SELECT 1 FROM x) SELECT 0 UNION SELECT * FROM w) SELECT * FROM x;
WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM y WHERE n < 5), y (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 5) SELECT * FROM x;
WITH x AS (SELECT 1 UNION (WITH y AS (SELECT 2) SELECT * FROM x UNION SELECT * FROM y)) SELECT * FROM x;
WITH RECURSIVE x (n) AS (SELECT id FROM r UNION ALL SELECT x.n + 1 FROM r LEFT JOIN x ON x.n = r.id) SELECT * FROM x;
SELECT * FROM nowhere n WHERE n.a = 1;
INSERT INTO r SELECT a FROM nowhere;
UPDATE r SET id = 1 FROM nowhere;

-- section maintenance of partitioned tables
CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (50);
CREATE INDEX parted_v ON parted (v);
INSERT INTO parted SELECT n, n % 7 FROM generate_series(0, 49) n;
REINDEX TABLE parted;
REINDEX INDEX parted_v;
CLUSTER parted USING parted_v;
BEGIN;
REINDEX TABLE parted_low;
REINDEX TABLE parted;
ROLLBACK;
SELECT count(*) FROM parted;

-- section set-returning functions in VALUES
CREATE TABLE v (id int, n int);
INSERT INTO v VALUES (generate_series(1, 7), 5);
INSERT INTO v (n, id) VALUES (unnest(ARRAY[1, 2, 3]), 9);
INSERT INTO v VALUES (1, generate_series(1, 3));
INSERT INTO v VALUES (1, 1), (2, generate_series(1, 3));
SELECT count(*), sum(id), sum(n) FROM v;
CREATE TABLE copied (id int, n int) WITH (pgring.placement = 'reference');
INSERT INTO copied VALUES (generate_series(1, 7), 5);
SELECT count(*) FROM copied;

-- section updates of the shard key
CREATE TABLE k (id int PRIMARY KEY, v text, n int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO k SELECT i, 'row ' || i FROM generate_series(1, 40) i;
UPDATE k SET id = id + 1000;
SELECT count(*), sum(id), sum(n) FROM k;
UPDATE k SET id = id - 1000, v = v || '!' WHERE id > 1010 RETURNING id, v, n;
SELECT * FROM k ORDER BY id;
UPDATE k SET id = 5 WHERE id = 12; -- one row
UPDATE k AS x SET id = 77 WHERE x.id = 5 RETURNING x.*;
SELECT * FROM k WHERE id IN (5, 12, 77) ORDER BY id;
UPDATE k SET id = 13 WHERE id = 77;
UPDATE k SET (id, v) = (78, 'both') WHERE id = 77;
SELECT * FROM k WHERE id = 78;
UPDATE k SET id = NULL WHERE id = 78;
UPDATE k SET id = id WHERE id < 30;
UPDATE k SET id = k.id + 200 FROM k AS other WHERE other.id = k.id AND other.v = 'both' RETURNING k.id, other.id;
BEGIN;
UPDATE k SET id = id + 5000 WHERE id < 20;
SAVEPOINT a;
UPDATE k SET id = id + 5000 WHERE id < 30;
ROLLBACK TO a;
SELECT count(*) FROM k WHERE id > 5000;
COMMIT;
SELECT id FROM k ORDER BY id;
CREATE TABLE w (a int, b text, c int, PRIMARY KEY (a, b)) WITH (pgring.shard_key = 'a, b');
INSERT INTO w SELECT i, 'b' || i % 3, i FROM generate_series(1, 20) i;
UPDATE w SET b = b || 'x', c = 0 WHERE c > 5;
SELECT * FROM w ORDER BY a;
SELECT * FROM w WHERE a = 7 AND b = 'b1x';
CREATE TABLE p (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (100) TO (200);
INSERT INTO p SELECT i, i FROM generate_series(0, 49) i;
UPDATE p SET id = id + 80;
SELECT count(*), sum(id) FROM p_low;
SELECT count(*), sum(id) FROM p_high;
UPDATE p SET id = id + 100 WHERE id > 150 RETURNING v;
UPDATE p SET id = NULL WHERE v = 3;
CREATE TABLE u (id int);
INSERT INTO u VALUES (1), (2), (3), (NULL);
UPDATE u SET id = coalesce(id, 0) + 10;
UPDATE u SET id = NULL WHERE id > 12;
SELECT * FROM u ORDER BY id;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent (id), v int);
INSERT INTO parent SELECT generate_series(1, 10);
INSERT INTO child VALUES (1, 1), (2, 2);
-- refused
UPDATE child SET id = 3 WHERE v = 1;
UPDATE parent SET id = 11 WHERE id = 1;
UPDATE parent SET id = id + 20 WHERE id > 5;
SELECT * FROM parent ORDER BY id;
CREATE TABLE following (id int REFERENCES parent (id) ON UPDATE CASCADE);
-- refused
UPDATE parent SET id = 12 WHERE id = 3;
CREATE TABLE counted (id int PRIMARY KEY, c serial);
INSERT INTO counted VALUES (1), (2);
UPDATE counted SET c = DEFAULT;

-- section MERGE of tables that lie together
CREATE TABLE stock (item int PRIMARY KEY, n int, note text);
CREATE TABLE delivery (item int, n int, part int);
INSERT INTO stock SELECT i, i, 'old' FROM generate_series(1, 30) i;
INSERT INTO delivery SELECT i, 100, i % 4 FROM generate_series(21, 50) i;
MERGE INTO stock s USING delivery d ON s.item = d.item WHEN MATCHED AND d.part = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + d.n WHEN NOT MATCHED AND d.part > 1 THEN INSERT VALUES (d.item, d.n, 'new') WHEN NOT MATCHED THEN DO NOTHING;
SELECT * FROM stock ORDER BY item;
MERGE INTO stock USING (SELECT item, sum(n) AS n FROM delivery GROUP BY item) AS d ON d.item = stock.item WHEN NOT MATCHED BY SOURCE THEN UPDATE SET note = 'gone' WHEN NOT MATCHED THEN INSERT (note, item) VALUES ('late', d.item) RETURNING merge_action(), stock.*;
SELECT * FROM stock ORDER BY item;
MERGE INTO stock s USING delivery d ON s.item = d.item AND d.item = 25 WHEN MATCHED THEN UPDATE SET note = 'one';
SELECT count(*) FROM stock WHERE note = 'one';
MERGE INTO stock s USING delivery d ON s.item = d.item AND s.item = 25 WHEN NOT MATCHED BY SOURCE THEN DELETE;
SELECT * FROM stock;
MERGE INTO stock s USING delivery d ON s.item = d.part WHEN MATCHED THEN DELETE;
-- refused
MERGE INTO stock s USING delivery d ON s.item = d.item WHEN NOT MATCHED THEN INSERT VALUES (d.part, 1, 'x');
-- refused
MERGE INTO stock s USING delivery d ON s.item = d.item AND s.item = d.part WHEN NOT MATCHED THEN INSERT VALUES (d.part, 1, 'x');
MERGE INTO stock s USING (VALUES (1), (2)) AS v (item) ON s.item = v.item WHEN MATCHED THEN DELETE;
-- refused
MERGE INTO stock s USING delivery d ON s.item = d.item WHEN MATCHED THEN UPDATE SET item = 1;

-- section groups that are written in two ways
CREATE TABLE g (k int PRIMARY KEY, a int, c char(8));
INSERT INTO g SELECT i, i % 6, 'C' || i % 4 FROM generate_series(1, 40) i;
SELECT a % 2, count(k) FROM g GROUP BY g.a % 2 ORDER BY g.a % 2;
SELECT lower(g.c), count(c) FROM g GROUP BY lower(c) ORDER BY lower(c);
SELECT lower(c), a + 1, sum(k) FROM g AS x GROUP BY x.a + 1, lower(x.c);
SELECT a % 2 + 1 AS n, count(*) FROM g GROUP BY g.a % 2 HAVING max(g.a) % 2 = a % 2;
SELECT a, c, count(*) FROM g GROUP BY k ORDER BY k;
SELECT a, count(*) FROM g GROUP BY c;
SELECT g.a % 2, (SELECT count(*) FROM g h) FROM g GROUP BY a % 2;

-- section temporary relations beside sharded ones
CREATE TABLE i4 (f1 int);
CREATE TABLE i8 (q1 int8, q2 int8);
INSERT INTO i4 VALUES (0), (1), (2);
INSERT INTO i8 VALUES (1, 2), (3, 4);
CREATE TEMP TABLE pt (a int PRIMARY KEY, b int);
INSERT INTO pt VALUES (12, 1), (1, 2);
SELECT * FROM (SELECT *, 12 AS p FROM pt) AS s RIGHT JOIN i4 ON true WHERE s.a = s.p AND f1 = 0;
SELECT * FROM (SELECT * FROM pt a UNION ALL SELECT * FROM pt b) s JOIN i4 ON f1 = abs(a);
SELECT * FROM pt JOIN i4 ON f1 = 0;
SELECT * FROM pt JOIN i8 ON row_number() OVER (ORDER BY q1) < 10;
CREATE TEMP TABLE it (c text);
SELECT * FROM i8 WHERE q1 IN (SELECT c FROM it);
CREATE TEMP VIEW tv AS SELECT q1, sum(q2) AS n FROM i8 GROUP BY q1;
SELECT * FROM tv JOIN pt ON pt.a = tv.q1;
SELECT max(n) FROM tv;
SELECT v.n, rank() OVER (ORDER BY q1) FROM tv AS v;

-- section rules of temporary tables
CREATE TABLE kept (a int);
CREATE TEMP TABLE y (a int);
CREATE TEMP TABLE yy (a int, t text);
INSERT INTO y VALUES (1), (2);
CREATE RULE y_also AS ON INSERT TO y DO ALSO INSERT INTO yy VALUES (new.a, 'also');
INSERT INTO y VALUES (5);
SELECT * FROM yy;
WITH w AS (INSERT INTO y VALUES (7) RETURNING *) SELECT * FROM w;
CREATE OR REPLACE RULE y_also AS ON INSERT TO y DO INSTEAD (NOTIFY a; NOTIFY b);
WITH w AS (INSERT INTO y VALUES (0)) SELECT 1;
DROP RULE y_also ON y;
INSERT INTO y VALUES (9);
SELECT * FROM y ORDER BY a;
-- refused
CREATE RULE y_kept AS ON INSERT TO y DO ALSO INSERT INTO kept VALUES (new.a);
-- refused
CREATE RULE k AS ON INSERT TO kept DO NOTHING;

-- section a partitioned table is placed anew
CREATE TABLE moved (id int, v int) PARTITION BY RANGE (id) WITH (pgring.placement = 'home');
CREATE TABLE moved_low PARTITION OF moved FOR VALUES FROM (0) TO (50);
CREATE TABLE moved_high PARTITION OF moved FOR VALUES FROM (50) TO (100);
INSERT INTO moved SELECT n, n FROM generate_series(0, 99) n;
-- pgring: SELECT create_distributed_table('moved', 'id')
SELECT count(*), sum(v) FROM moved;
SELECT count(*), sum(v) FROM moved_low;
-- pgring: SELECT create_reference_table('moved')
SELECT count(*), sum(v) FROM moved;
-- pgring: SELECT undistribute_table('moved')
SELECT count(*), sum(v) FROM moved_high;
