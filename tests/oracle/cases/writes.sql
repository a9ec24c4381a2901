-- section writes in stages
CREATE TABLE jobs (id int PRIMARY KEY, state text, prio int);
CREATE TABLE done (id int PRIMARY KEY, state text);
CREATE TABLE u (k int PRIMARY KEY, a int, b text);
INSERT INTO jobs SELECT g, 'new', g % 5 FROM generate_series(1, 20) g;
INSERT INTO u SELECT g, g, 'b' || g FROM generate_series(1, 10) g;
-- any order
UPDATE jobs SET state = 'run' WHERE id IN (SELECT id FROM jobs WHERE state = 'new' ORDER BY prio, id LIMIT 3 FOR UPDATE SKIP LOCKED) RETURNING *;
-- any order
WITH b AS (SELECT id FROM jobs WHERE state = 'new' ORDER BY prio, id LIMIT 3 FOR UPDATE SKIP LOCKED) UPDATE jobs SET state = 'run2' FROM b WHERE jobs.id = b.id RETURNING jobs.id, b.id, jobs.state;
WITH d AS (DELETE FROM jobs WHERE state = 'run' RETURNING id, state) INSERT INTO done SELECT * FROM d;
WITH d (x, y) AS (DELETE FROM jobs WHERE state = 'run2' RETURNING id, state) INSERT INTO done SELECT x, y FROM d ON CONFLICT (id) DO UPDATE SET state = excluded.state RETURNING *;
SELECT * FROM done ORDER BY 1;
UPDATE jobs SET state = u.b FROM u WHERE u.a = jobs.prio RETURNING jobs.*, u.k + 1 AS more;
UPDATE jobs SET state = state || u.b FROM u WHERE u.a = jobs.prio AND u.b > 'b2';
DELETE FROM jobs WHERE prio IN (SELECT max(a) - 7 FROM u) RETURNING id;
UPDATE jobs SET state = (SELECT min(b) FROM u WHERE u.a = jobs.prio) WHERE prio = 2 RETURNING *;
UPDATE jobs SET (state, prio) = (SELECT b, a FROM u WHERE u.a = jobs.prio + 1) WHERE prio = 1 RETURNING *;
DELETE FROM jobs j USING u WHERE u.a = j.prio AND u.b = 'b4' RETURNING j.id, u.*;
WITH i AS (INSERT INTO done VALUES (100, 'x'), (101, 'y') RETURNING *) SELECT count(*) FROM i;
WITH i AS (INSERT INTO done VALUES (102, 'x'), (103, 'y') RETURNING *) SELECT i.*, u.b FROM i LEFT JOIN u ON u.k = i.id - 100;
WITH i AS (INSERT INTO done VALUES (104, 'x'), (104, 'y') RETURNING *) SELECT * FROM i;
WITH a AS (UPDATE jobs SET prio = prio + 10 WHERE id < 10 RETURNING id), b AS (DELETE FROM done WHERE id IN (SELECT id + 90 FROM a) RETURNING *) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
WITH a AS (UPDATE jobs SET prio = prio + 10 WHERE id < 10) SELECT 1;
WITH x AS (SELECT max(a) AS m FROM u), d AS (DELETE FROM u USING x WHERE u.a = x.m RETURNING u.*) SELECT * FROM d;
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) UPDATE jobs SET prio = 0 FROM r WHERE jobs.id = r.n RETURNING jobs.id;
WITH RECURSIVE r AS (SELECT min(k) AS n FROM u UNION ALL SELECT n + 1 FROM r WHERE n < 5) DELETE FROM jobs USING r WHERE jobs.id = r.n RETURNING jobs.id;
BEGIN;
WITH d AS (DELETE FROM done RETURNING *) SELECT count(*) FROM d;
SELECT count(*) FROM done;
ROLLBACK;
SELECT count(*) FROM done;
-- refused
WITH i AS (INSERT INTO done VALUES (200, 'x') RETURNING *) SELECT count(*) FROM done;
-- refused
WITH d AS (DELETE FROM done RETURNING *) UPDATE done SET state = 'y' FROM d WHERE d.id = done.id;
SELECT * FROM jobs ORDER BY id;
SELECT * FROM done ORDER BY id;
INSERT INTO done (id, state) VALUES ((SELECT max(id) + 1000 FROM done), (SELECT min(b) FROM u));
PREPARE p AS WITH d AS (DELETE FROM done WHERE id > $1 RETURNING id) SELECT count(*), $2::text FROM d;
EXECUTE p(1000, 'q');
EXECUTE p(1000, 'q');
DELETE FROM done WHERE id = ANY (SELECT k FROM u) OR id > ALL (SELECT k + 101 FROM u);
SELECT * FROM done ORDER BY id;
UPDATE jobs SET state = 'nowhere' WHERE EXISTS (SELECT 1 FROM u WHERE a > 100);
-- any order
UPDATE jobs SET state = ARRAY(SELECT b FROM u ORDER BY k)::text WHERE id > 15 RETURNING *;
UPDATE jobs SET state = (SELECT b FROM u);
-- section INSERT … SELECT with conflicts and RETURNING
CREATE TABLE src (id int PRIMARY KEY, a int, b text);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE t (id int, a int, b text, m mood DEFAULT 'ok', l int[], n numeric(6, 2), d int GENERATED ALWAYS AS (a * 2) STORED, PRIMARY KEY (id, a));
CREATE TABLE r (id int PRIMARY KEY, v text) WITH (pgring.placement = 'reference');
CREATE TABLE h (id int PRIMARY KEY, v text) WITH (pgring.placement = 'home');
INSERT INTO src SELECT g, g % 4, 'b' || g FROM generate_series(1, 12) g;
INSERT INTO t (id, a, b, l, n) SELECT a, id, b, ARRAY[a, NULL, id], id / 3.0 FROM src ON CONFLICT DO NOTHING RETURNING id, a, b, m, l, n, d;
INSERT INTO t AS x (id, a, b, m) SELECT a, id, b || '!', 'sad' FROM src ON CONFLICT (id, a) DO UPDATE SET b = excluded.b || x.b, m = excluded.m WHERE x.id > 1 RETURNING x.*;
INSERT INTO t (id, a, b) SELECT 1, 1, 'x' FROM src ON CONFLICT (id, a) DO UPDATE SET b = 'y';
INSERT INTO t (id, a, b) SELECT 500, id, b FROM src WHERE id < 3 RETURNING *;
INSERT INTO r SELECT id, b FROM src ON CONFLICT (id) DO NOTHING;
INSERT INTO r SELECT id, b || '?' FROM src ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING *;
INSERT INTO h SELECT id, b FROM src ON CONFLICT (id) DO NOTHING RETURNING *;
INSERT INTO h SELECT id + 6, b FROM src ON CONFLICT ON CONSTRAINT h_pkey DO UPDATE SET v = h.v || excluded.v RETURNING *;
INSERT INTO t (id, a) SELECT NULL, 1 FROM src RETURNING *;
INSERT INTO t (id, a) SELECT id, a FROM src WHERE false RETURNING *;
INSERT INTO h (id, v) SELECT o.id + 100, j.b FROM src o JOIN src j ON j.id = o.id WHERE o.id > 3 RETURNING *;
INSERT INTO h (id, v) SELECT o.id + 100, j.b FROM src o JOIN src j ON j.id = o.id WHERE o.id > 1 ON CONFLICT DO NOTHING;
INSERT INTO h (id, v) SELECT o.id + 100, count(*)::text FROM src o JOIN src j ON j.id = o.id GROUP BY o.id ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING h.v;
SELECT * FROM t ORDER BY id, a;
SELECT * FROM r ORDER BY id;
SELECT * FROM h ORDER BY id;
-- section INSERT of parts of columns and of keys that met
CREATE TYPE two AS (x int, y text[]);
CREATE TABLE p (id int, a int[], c two);
INSERT INTO p (id, a[1], a[2]) VALUES (1, 1, 2), (2, 3, 4), (3, 5, 6);
INSERT INTO p (id, c.x, c.y) VALUES (4, 1, '{foo}'), (5, 2, '{bar}');
INSERT INTO p (id, c.y[1], c.y[2]) VALUES (6, 'a', 'b'), (7, 'c', 'd') RETURNING *;
INSERT INTO p (id, a[1], a[2]) VALUES (1, DEFAULT, 2), (2, 3, 4);
SELECT * FROM p ORDER BY id;
CREATE TABLE q (id int PRIMARY KEY, v text);
INSERT INTO q VALUES (1, 'a'), (2, 'b');
INSERT INTO q VALUES (1, 'c'), (2, 'd'), (3, 'e') ON CONFLICT (id) DO UPDATE SET id = excluded.id, v = excluded.v RETURNING *;
INSERT INTO q VALUES (1, 'f') ON CONFLICT (id) DO UPDATE SET (v, id) = (excluded.v || q.v, excluded.id);
INSERT INTO q SELECT id, v || '!' FROM q ON CONFLICT (id) DO UPDATE SET id = excluded.id, v = excluded.v;
-- refused
INSERT INTO q VALUES (1, 'f') ON CONFLICT (id) DO UPDATE SET id = excluded.id + 1;
SELECT * FROM q ORDER BY id;
-- section reference tables take over what one copy did
CREATE TABLE r (id int PRIMARY KEY, x text, n int, g int GENERATED ALWAYS AS (n * 2) STORED) WITH (pgring.placement = 'reference');
CREATE TABLE s (id int PRIMARY KEY, x text, k int);
INSERT INTO r (id, x, n) SELECT g, 'r' || g, g FROM generate_series(1, 6) g;
INSERT INTO s SELECT g, 's' || g, g % 3 FROM generate_series(1, 8) g;
UPDATE r SET x = v.b FROM (VALUES (1, 'same'), (1, 'same')) v (a, b) WHERE r.id = v.a RETURNING *;
UPDATE r SET n = n + (random() * 0)::int + 1 WHERE id > 2 RETURNING id, n, g;
UPDATE r SET id = id + 10 + (random() * 0)::int WHERE id > 4 RETURNING id;
UPDATE r SET x = s.x FROM s WHERE s.id = r.id RETURNING r.*, s.k;
MERGE INTO r USING s ON r.id = s.id + 10 WHEN MATCHED AND s.id = 5 THEN DELETE WHEN MATCHED THEN UPDATE SET x = 'm' WHEN NOT MATCHED THEN INSERT (id, x) VALUES (s.id + 10, s.x) RETURNING merge_action(), r.id, s.x;
MERGE INTO r USING r o ON r.id = o.id WHEN MATCHED AND o.id < 3 THEN UPDATE SET n = o.n + 100;
DELETE FROM r WHERE id IN (SELECT s.id + 10 FROM s WHERE s.id > 6) RETURNING *;
SELECT * FROM r ORDER BY id;
CREATE TABLE keyless (id int, x text) WITH (pgring.placement = 'reference');
INSERT INTO keyless VALUES (1, 'a'), (1, 'b');
-- refused
UPDATE keyless SET x = v.b FROM (VALUES (1, 'p'), (1, 'q')) v (a, b) WHERE keyless.id = v.a;
UPDATE keyless SET x = (SELECT max(x) FROM s) WHERE id = 1 RETURNING *;
-- section MERGE from anywhere
CREATE TABLE m (k int PRIMARY KEY, v text);
CREATE TABLE m2 (k text, k2 int, v text, PRIMARY KEY (k, k2)) WITH (pgring.shard_key = 'k, k2');
CREATE TABLE o (id int PRIMARY KEY, k int, v text);
CREATE TABLE r (k int PRIMARY KEY, v text) WITH (pgring.placement = 'reference');
INSERT INTO m VALUES (1, 'a'), (2, 'b'), (3, 'c'), (50, 'z');
INSERT INTO o VALUES (1, 2, 'o2'), (2, 77, 'o77'), (3, 78, 'o78'), (4, 1, 'o1');
INSERT INTO r VALUES (1, 'r1'), (200, 'r200'), (300, NULL);
MERGE INTO m USING (VALUES (1, 'x'), (77, 'y'), (78, 'w'), (79, 'q')) v (k, a) ON m.k = v.k WHEN MATCHED THEN UPDATE SET v = v.a WHEN NOT MATCHED THEN INSERT (k, v) VALUES (v.k, v.a) RETURNING merge_action(), m.*;
MERGE INTO m USING o ON m.k = o.k WHEN MATCHED THEN UPDATE SET v = o.v WHEN NOT MATCHED THEN INSERT VALUES (o.k, o.v) RETURNING merge_action(), m.*, o.id;
MERGE INTO m USING r ON m.k = r.k WHEN MATCHED THEN UPDATE SET v = r.v WHEN NOT MATCHED AND r.v IS NOT NULL THEN INSERT VALUES (r.k, r.v) WHEN NOT MATCHED BY SOURCE AND m.k = 50 THEN DELETE RETURNING *;
MERGE INTO m USING (SELECT k, max(v) AS v FROM o GROUP BY k) q ON m.k = q.k WHEN MATCHED THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'no source' RETURNING merge_action(), m.*;
MERGE INTO m2 USING (VALUES ('a', 1), ('b', 2)) s (x, y) ON m2.k = s.x AND m2.k2 = s.y WHEN NOT MATCHED THEN INSERT VALUES (s.x, s.y, 'new');
MERGE INTO m2 USING (VALUES ('a', 1), ('b', 2), ('c', 3)) s (x, y) ON m2.k = s.x AND m2.k2 = s.y WHEN MATCHED THEN UPDATE SET v = 'again' WHEN NOT MATCHED THEN INSERT VALUES (s.x, s.y, 'new') RETURNING *;
WITH s AS (SELECT * FROM o) MERGE INTO m USING s ON m.k = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v) WHEN MATCHED THEN DO NOTHING;
MERGE INTO m USING (VALUES (1), (1)) v (k) ON m.k = v.k WHEN MATCHED THEN UPDATE SET v = 'twice';
MERGE INTO m USING generate_series(1, 3) g ON m.k = g WHEN MATCHED THEN DELETE;
-- refused
MERGE INTO m USING (VALUES (1)) v (k) ON m.v = v.k::text WHEN NOT MATCHED THEN INSERT VALUES (v.k, 'x');
-- refused
MERGE INTO m USING (VALUES (1)) v (k) ON m.k = v.k WHEN NOT MATCHED THEN INSERT VALUES (v.k + 1, 'x');
CREATE TABLE actions (action text PRIMARY KEY, abbrev text);
INSERT INTO actions VALUES ('INSERT', 'ins'), ('UPDATE', 'upd'), ('DELETE', 'del');
MERGE INTO m USING o ON m.k = o.id WHEN MATCHED AND o.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 'u' WHEN NOT MATCHED THEN INSERT VALUES (o.id, 'i') RETURNING (SELECT abbrev FROM actions WHERE action = merge_action()), old.k, new.k, m.v;
SELECT * FROM m ORDER BY k;
SELECT * FROM m2 ORDER BY k;
-- section views that are written through
CREATE TABLE st (id int PRIMARY KEY, name text, grade int DEFAULT 3);
CREATE VIEW v1 AS SELECT id AS k, name FROM st WHERE id > 0 WITH CHECK OPTION;
CREATE VIEW v2 AS SELECT grade, id FROM st;
CREATE VIEW v3 AS SELECT count(*) FROM st;
CREATE VIEW v4 AS SELECT k, upper(name) AS u, name AS nn FROM v1;
INSERT INTO v1 VALUES (1, 'a'), (2, 'b'), (3, 'c') RETURNING *;
INSERT INTO v1 VALUES (-1, 'a');
INSERT INTO v1 VALUES (-1, 'a'), (5, 'x');
INSERT INTO v1 (k, name) SELECT g, 'g' || g FROM generate_series(4, 9) g;
INSERT INTO v1 (k, name) SELECT g, 'g' || g FROM generate_series(8, 11) g ON CONFLICT (k) DO UPDATE SET name = 'conf' RETURNING *;
UPDATE v1 SET name = name || '!' WHERE k IN (1, 2) RETURNING *;
UPDATE v1 SET name = 'all';
-- refused
UPDATE v1 SET k = 100 WHERE k = 1;
DELETE FROM v1 WHERE k = 3 RETURNING *;
DELETE FROM v2 WHERE grade = 5;
-- refused
UPDATE v3 SET count = 5;
UPDATE v4 SET nn = 'nn' WHERE k = 5 RETURNING *;
UPDATE v4 SET u = 'nn' WHERE k = 5 RETURNING *;
MERGE INTO v1 USING (VALUES (2, 'm'), (33, 'i')) s (a, b) ON v1.k = s.a WHEN MATCHED THEN UPDATE SET name = s.b WHEN NOT MATCHED THEN INSERT VALUES (s.a, s.b);
DELETE FROM v1 USING v2 WHERE v2.id = v1.k AND v2.grade = 3 AND v1.k < 6;
SELECT * FROM st ORDER BY id;
CREATE TABLE rf (id int PRIMARY KEY, x text) WITH (pgring.placement = 'reference');
CREATE VIEW vr AS SELECT id, x FROM rf WHERE id > 0;
INSERT INTO vr VALUES (1, 'a'), (2, 'b');
UPDATE vr SET x = 'c' WHERE id = 1;
DELETE FROM vr WHERE id = 2;
SELECT * FROM rf;
