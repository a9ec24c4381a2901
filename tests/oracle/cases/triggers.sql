-- section row triggers
CREATE TABLE t (id int PRIMARY KEY, v text, version int NOT NULL DEFAULT 1, touched boolean DEFAULT false);
CREATE TABLE log (id int, seq int, what text, at timestamptz DEFAULT now(), PRIMARY KEY (id, seq));
CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.version := OLD.version + 1; NEW.touched = true; RETURN NEW; END $$;
CREATE FUNCTION clean() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.v IS NULL THEN RETURN NULL; END IF; NEW.v := trim(lower(NEW.v)); IF NEW.v = 'bad' THEN RAISE EXCEPTION 'bad value' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN INSERT INTO log (id, seq, what) VALUES (OLD.id, (SELECT count(*) FROM log WHERE id = OLD.id), TG_OP || ':' || OLD.v); RETURN OLD; END IF; INSERT INTO log (id, seq, what) SELECT NEW.id, count(*), TG_OP || ':' || NEW.v FROM log WHERE id = NEW.id; RETURN NEW; END $$;
CREATE FUNCTION tally() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO counters VALUES (NEW.id, 1) ON CONFLICT (id) DO UPDATE SET n = counters.n + 1; RETURN NULL; END $$;
CREATE TRIGGER a_clean BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION clean();
CREATE TRIGGER b_bump BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION bump();
CREATE TRIGGER c_audit AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER d_tally AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE PROCEDURE tally();
INSERT INTO t (id, v) VALUES (1, ' A '), (2, 'B'), (3, NULL), (4, 'D') RETURNING *;
INSERT INTO t (id, v) VALUES (5, 'bad');
INSERT INTO t (id, v) VALUES (6, 'six'), (7, 'bad'), (8, 'eight');
UPDATE t SET v = v || 'X' WHERE id < 3 RETURNING *;
UPDATE t SET v = 'd' WHERE id = 4;
UPDATE t SET v = NULL;
DELETE FROM t WHERE id = 2;
INSERT INTO t (id, v) SELECT i, 'N' || i FROM generate_series(10, 14) AS i;
INSERT INTO t (id, v) VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v RETURNING id, v, version;
COPY t (id, v) FROM STDIN;
20	Copied
21	\N
22	ToO
\.
BEGIN;
DELETE FROM t;
SELECT count(*) FROM log;
ROLLBACK;
SELECT * FROM t ORDER BY id;
SELECT id, seq, what FROM log ORDER BY id, seq;
SELECT * FROM counters ORDER BY id;
ALTER TABLE t DISABLE TRIGGER c_audit;
DELETE FROM t WHERE id = 20;
SELECT count(*) FROM log WHERE id = 20;
ALTER TABLE t ENABLE TRIGGER c_audit;
DELETE FROM t WHERE id = 22;
SELECT count(*) FROM log WHERE id = 22;
DROP TRIGGER c_audit ON t;
DELETE FROM t WHERE id = 10;
SELECT count(*) FROM log WHERE id = 10;
-- refused
UPDATE t SET id = 99 WHERE id = 1;

-- section triggers that leave their key
CREATE TABLE t (id int PRIMARY KEY, other int, v text);
CREATE TABLE u (id int PRIMARY KEY, v text);
CREATE TABLE h (id int, v text);
-- pgring: SELECT undistribute_table('h')
CREATE TABLE r (id int PRIMARY KEY, v text);
-- pgring: SELECT create_reference_table('r')
INSERT INTO r VALUES (1, 'one');
CREATE FUNCTION to_other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO u VALUES (NEW.other, NEW.v); RETURN NEW; END $$;
CREATE FUNCTION all_u() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE u SET v = NEW.v; RETURN NEW; END $$;
CREATE FUNCTION count_u() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := (SELECT count(*) FROM u); RETURN NEW; END $$;
CREATE FUNCTION move_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := NEW.id * 2; RETURN NEW; END $$;
CREATE FUNCTION into_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SELECT 5 INTO NEW.id; RETURN NEW; END $$;
CREATE FUNCTION other_row() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE x t; BEGIN x := NEW; x.id := 7; RETURN x; END $$;
CREATE FUNCTION whole_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW := ROW(9, 9, 'x'); RETURN NEW; END $$;
CREATE FUNCTION key_of_u() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE u SET id = 5 WHERE id = NEW.id; RETURN NEW; END $$;
CREATE FUNCTION to_home() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO h VALUES (NEW.id, NEW.v); RETURN NEW; END $$;
CREATE FUNCTION to_reference() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO r VALUES (NEW.id, NEW.v); RETURN NEW; END $$;
CREATE FUNCTION dynamic() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('INSERT INTO %I VALUES ($1, $2)', TG_ARGV[0]) USING NEW.id, NEW.v; RETURN NEW; END $$;
CREATE FUNCTION from_reference() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := (SELECT v FROM r WHERE id = NEW.other); RETURN NEW; END $$;
CREATE FUNCTION random_v() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := random()::text; RETURN NEW; END $$;
CREATE FUNCTION upper_v() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := upper(NEW.v); RETURN NEW; END $$;
-- refused
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION to_other();
-- refused
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION all_u();
-- refused
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION count_u();
-- refused
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION move_key();
-- refused
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION into_key();
-- refused
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION other_row();
-- refused
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION whole_row();
-- refused
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION key_of_u();
-- refused
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION to_home();
-- refused
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION to_reference();
-- refused
CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION dynamic('u');
-- pgring: CREATE TRIGGER z BEFORE INSERT ON r FOR EACH ROW EXECUTE FUNCTION random_v();
-- refused
INSERT INTO r VALUES (9, 'nine');
-- pgring: DROP TRIGGER z ON r;
-- refused
CREATE TRIGGER x AFTER INSERT ON r FOR EACH ROW EXECUTE FUNCTION to_home();
-- refused
CREATE TRIGGER x AFTER INSERT ON h FOR EACH ROW EXECUTE FUNCTION all_u();
CREATE TRIGGER x BEFORE INSERT OR UPDATE ON r FOR EACH ROW EXECUTE FUNCTION upper_v();
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION from_reference();
CREATE TRIGGER y AFTER INSERT ON r FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
DROP TRIGGER y ON r;
INSERT INTO r VALUES (2, 'two'), (3, 'three');
UPDATE r SET v = v || '!' WHERE id = 2;
SELECT * FROM r ORDER BY id;
INSERT INTO t VALUES (1, 1), (2, 2), (3, 5);
SELECT * FROM t ORDER BY id;
CREATE OR REPLACE FUNCTION from_reference() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := (SELECT count(*) FROM u); RETURN NEW; END $$;
-- refused
INSERT INTO t VALUES (4, 1);
-- refused
COPY t FROM STDIN;
4	1	x
\.
SELECT count(*) FROM t;
DROP TRIGGER x ON t;
INSERT INTO t VALUES (4, 1);

-- section triggers at home
CREATE TABLE h (id serial PRIMARY KEY, v text, at timestamptz);
-- pgring: SELECT undistribute_table('h')
CREATE TABLE log (id serial, h int, what text);
-- pgring: SELECT undistribute_table('log')
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (h, what) VALUES (NEW.id, TG_OP || TG_ARGV[0]); NEW.at := '2024-01-01'; RETURN NEW; END $$;
CREATE FUNCTION summary() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (h, what) SELECT count(*), 'statement' FROM added; RETURN NULL; END $$;
CREATE TRIGGER x BEFORE INSERT OR UPDATE ON h FOR EACH ROW EXECUTE FUNCTION note('!');
CREATE TRIGGER y AFTER INSERT ON h REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION summary();
INSERT INTO h (v) VALUES ('a'), ('b') RETURNING id, v, at = '2024-01-01';
UPDATE h SET v = 'c' WHERE id = 1;
SELECT * FROM log ORDER BY id;
CREATE RULE quiet AS ON DELETE TO h DO INSTEAD NOTHING;
DELETE FROM h;
SELECT count(*) FROM h;

-- section row security over columns and settings
CREATE TABLE t (id int PRIMARY KEY, owner text, v int);
INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN 'ann' ELSE 'bob' END, i FROM generate_series(1, 10) AS i;
CREATE FUNCTION me() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.me', true) $$;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
ALTER TABLE t FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON t USING (owner = me()) WITH CHECK (owner = me());
SELECT count(*) FROM t;
UPDATE t SET v = v + 1 WHERE id < 5;
SELECT * FROM t ORDER BY id;
CREATE TABLE members (id int PRIMARY KEY, name text);
CREATE POLICY member ON t USING (EXISTS (SELECT FROM members m WHERE m.name = owner));
-- refused
SELECT count(*) FROM t;
DROP POLICY member ON t;
SELECT count(*) FROM t;

-- section notices of deferred triggers
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', TG_NAME; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell();
BEGIN;
INSERT INTO t VALUES (1, 1);
COMMIT;
INSERT INTO t VALUES (2, 1);
BEGIN;
INSERT INTO t VALUES (11, 1), (12, 1), (13, 1), (14, 1);
COMMIT;
BEGIN;
INSERT INTO t VALUES (31, 1), (32, 1), (33, 1), (34, 1);
ROLLBACK;
