-- section triggers for the statement that send notices
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % %', TG_NAME, TG_OP, TG_LEVEL; RETURN NULL; END $$;
CREATE TRIGGER before_it BEFORE INSERT OR UPDATE OR DELETE ON t EXECUTE FUNCTION f();
CREATE TRIGGER after_it AFTER INSERT OR UPDATE OR DELETE ON t EXECUTE FUNCTION f();
INSERT INTO t VALUES (1, 1);
-- refused
INSERT INTO t VALUES (11, 1), (12, 1), (13, 1), (14, 2);
-- refused
INSERT INTO t SELECT g, g FROM generate_series(20, 30) g;
-- refused
INSERT INTO t SELECT g, g FROM generate_series(1, 0) g;
-- refused
UPDATE t SET v = 3;
-- refused
UPDATE t SET v = 3 WHERE false;
-- refused
DELETE FROM t WHERE id > 25;
-- refused
COPY t FROM stdin;
50	1
51	1
52	1
53	1
\.
-- refused
COPY t FROM stdin;
\.
CREATE TRIGGER trunc AFTER TRUNCATE ON t EXECUTE FUNCTION f();
-- refused
TRUNCATE t;

-- section triggers for the statement that read its rows
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE TABLE ref (id int PRIMARY KEY, v int) WITH (pgring.placement = 'reference');
INSERT INTO ref VALUES (1, 10);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE s text; BEGIN SELECT string_agg(n::text, ',') INTO s FROM added n; RAISE NOTICE '% % % ref %', TG_NAME, TG_OP, s, (SELECT v FROM ref WHERE id = 1); RETURN NULL; END $$;
CREATE TRIGGER tt AFTER INSERT ON t REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION f();
CREATE TRIGGER uu AFTER UPDATE ON t REFERENCING NEW TABLE AS added OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION f();
INSERT INTO t VALUES (1, 1);
INSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING;
INSERT INTO t SELECT 2, 3;
-- refused
INSERT INTO t VALUES (5, 1), (6, 1);
UPDATE t SET v = 5 WHERE id = 1;
UPDATE t SET v = 5 WHERE id = 1 AND false;
-- refused
UPDATE t SET v = 7;
DELETE FROM t;
CREATE VIEW w AS SELECT id, v FROM t;
INSERT INTO w VALUES (1, 1);
-- refused
INSERT INTO w VALUES (2, 1), (3, 1), (4, 1), (5, 1);
UPDATE w SET v = 2 WHERE id = 1;
-- refused
UPDATE w SET v = 2;
-- refused
MERGE INTO t USING (VALUES (1, 2), (3, 4)) AS s (id, v) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v);
WITH x AS (INSERT INTO t VALUES (31, 1) RETURNING id) SELECT * FROM x;
-- refused
WITH x AS (INSERT INTO t VALUES (33, 1) RETURNING id), y AS (INSERT INTO t VALUES (32, 1), (34, 1), (35, 1), (36, 1) RETURNING id) SELECT * FROM x, y;
-- section triggers for the statement that guard, and those of trees and cascades
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF current_setting('app.frozen', true) = 'yes' THEN RAISE EXCEPTION '% is frozen', TG_TABLE_NAME; END IF; RETURN NULL; END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON t EXECUTE FUNCTION guard();
INSERT INTO t VALUES (1, 1), (2, 1), (3, 1), (4, 1);
SET app.frozen = 'yes';
INSERT INTO t VALUES (11, 1), (12, 1), (13, 1), (14, 1);
INSERT INTO t SELECT 1, 2 WHERE false;
INSERT INTO t SELECT 1, 2 WHERE false RETURNING *;
INSERT INTO t SELECT g, 2 FROM generate_series(1, 10) g ON CONFLICT (id) DO NOTHING;
UPDATE t SET v = 2;
UPDATE t SET v = 2 WHERE id IN (NULL);
UPDATE t SET v = 2 WHERE false;
DELETE FROM t WHERE id = 1 AND id = 2;
DELETE FROM t WHERE id IN (SELECT v FROM t);
TRUNCATE t;
MERGE INTO t USING (SELECT id, v FROM t WHERE false) AS s (id, v) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v);
CREATE TABLE p (id int, d int, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', TG_NAME, TG_OP; RETURN NULL; END $$;
CREATE TRIGGER tt AFTER INSERT OR UPDATE ON p EXECUTE FUNCTION f();
INSERT INTO p VALUES (1, 1);
-- refused
INSERT INTO p VALUES (1, 2), (2, 12), (3, 3), (4, 14);
-- refused
UPDATE p SET d = d + 1;
UPDATE p SET d = d + 1 WHERE id = 1;
DELETE FROM p;
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int REFERENCES a ON DELETE CASCADE, n int, PRIMARY KEY (id, n));
CREATE TRIGGER tt AFTER DELETE ON b EXECUTE FUNCTION f();
INSERT INTO a VALUES (1), (2), (3), (4);
INSERT INTO b VALUES (1, 1), (2, 1), (3, 1), (4, 1), (4, 2);
DELETE FROM a WHERE id = 4;
-- refused
DELETE FROM a;

-- section notices of staged writes
CREATE TABLE s (id int PRIMARY KEY, v int);
CREATE TABLE h (id int PRIMARY KEY, v int) WITH (pgring.placement = 'home');
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', TG_NAME, TG_OP; RETURN NULL; END $$;
CREATE TRIGGER tt AFTER INSERT OR UPDATE ON h EXECUTE FUNCTION f();
INSERT INTO s SELECT g, g FROM generate_series(1, 9) g;
INSERT INTO h VALUES (1, 1), (2, 2);
UPDATE h SET v = 5 WHERE id IN (SELECT v FROM s WHERE v < 3) RETURNING *;
UPDATE h SET v = 5 WHERE id IN (SELECT v FROM s WHERE v > 30) RETURNING *;
UPDATE h SET v = q.n FROM (SELECT v, count(*) AS n FROM s GROUP BY v) q WHERE q.v = h.id RETURNING h.id, h.v;
INSERT INTO h SELECT v, id FROM s WHERE v < 3 ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING *;
