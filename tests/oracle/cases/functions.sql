-- section functions of their arguments
CREATE TABLE t (id int PRIMARY KEY, g int, v text, n numeric, tags text[]);
INSERT INTO t SELECT i, i % 4, 'v' || i, i * 1.5, ARRAY['a' || i, 'b'] FROM generate_series(1, 30) AS i;
CREATE FUNCTION add_one(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION add_two(a int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a + 2;
CREATE FUNCTION both_of(a int, OUT sum int, OUT product int) LANGUAGE sql BEGIN ATOMIC SELECT a + a, a * a; END;
CREATE FUNCTION twice(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN a * 2; END $$;
CREATE FUNCTION twice(a text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN a || a; END $$;
CREATE FUNCTION factorial_of(n int) RETURNS numeric LANGUAGE plpgsql STRICT AS $$ DECLARE result numeric := 1; BEGIN FOR i IN 2..n LOOP result := result * i; END LOOP; RETURN result; END $$;
CREATE FUNCTION classify(n numeric, low numeric DEFAULT 10, high numeric DEFAULT 30) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF n IS NULL THEN RETURN 'none'; ELSIF n < low THEN RETURN 'low'; ELSIF n > high THEN RETURN 'high'; END IF; RETURN 'middle'; END $$;
CREATE FUNCTION divide(a numeric, b numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN a / b; EXCEPTION WHEN division_by_zero THEN RETURN NULL; END $$;
CREATE FUNCTION first_of(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT parts[1]';
CREATE FUNCTION either(a anyelement, b anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT COALESCE(a, b)';
CREATE FUNCTION numbers(up_to int) RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, up_to)';
CREATE FUNCTION pairs(up_to int) RETURNS TABLE (a int, b text) LANGUAGE plpgsql AS $$ BEGIN FOR a IN 1..up_to LOOP b := 'p' || a; RETURN NEXT; END LOOP; END $$;
CREATE FUNCTION must_be_positive(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF a <= 0 THEN RAISE EXCEPTION 'not positive: %', a USING ERRCODE = '22023', HINT = 'Be positive.'; END IF; RETURN a; END $$;
CREATE FUNCTION collatz(n int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE steps int := 0; m int := n; BEGIN WHILE m <> 1 LOOP m := CASE WHEN m % 2 = 0 THEN m / 2 ELSE 3 * m + 1 END; steps := steps + 1; EXIT WHEN steps > 1000; END LOOP; RETURN steps; END $$;
CREATE FUNCTION even(n int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN n = 0 THEN true ELSE odd(n - 1) END; END $$;
CREATE FUNCTION odd(n int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN n = 0 THEN false ELSE even(n - 1) END; END $$;
SELECT id, add_one(id), add_two(g), twice(g), twice(v) FROM t WHERE id < 6 ORDER BY id;
SELECT add_one(id) FROM t WHERE id = 7;
SELECT g, sum(twice(id)), max(add_one(g)) FROM t GROUP BY g ORDER BY g;
SELECT twice(g), count(*) FROM t GROUP BY twice(g) ORDER BY 1;
SELECT id FROM t WHERE twice(id) = 20;
SELECT id, classify(n), classify(n, 20), classify(n, high => 15), classify(NULL) FROM t ORDER BY id LIMIT 12;
SELECT id, divide(n, g) FROM t ORDER BY id LIMIT 8;
SELECT id, factorial_of(id), factorial_of(NULL) FROM t ORDER BY factorial_of(id) DESC LIMIT 3;
SELECT first_of(v, 'x'), first_of(VARIADIC tags), either(NULL::text, v), either(id, 0) FROM t ORDER BY id LIMIT 4;
SELECT (both_of(id)).sum, (both_of(id)).product FROM t ORDER BY id LIMIT 3;
SELECT t.id, b.* FROM t, both_of(t.id) AS b WHERE t.id < 4 ORDER BY 1;
SELECT id, numbers(g) FROM t WHERE id < 8 ORDER BY 1, 2;
SELECT t.id, p.* FROM t CROSS JOIN LATERAL pairs(t.g) AS p WHERE t.id < 8 ORDER BY 1, 3;
SELECT * FROM pairs(3) ORDER BY a;
SELECT must_be_positive(id) FROM t WHERE id = 3;
SELECT must_be_positive(id - 40) FROM t WHERE id = 3;
SELECT must_be_positive(0);
SELECT id, collatz(id) FROM t ORDER BY collatz(id) DESC, id LIMIT 5;
SELECT count(*) FROM t WHERE even(id);
UPDATE t SET v = twice(v), g = add_one(g) WHERE even(id) AND id < 9;
UPDATE t SET n = n + add_one(1) WHERE id = 3 RETURNING id, n, twice(g);
INSERT INTO t (id, g, v) VALUES (101, add_one(5), twice('x')), (102, twice(4), first_of('y', 'z')) RETURNING *;
INSERT INTO t (id, g) VALUES (twice(60), 1);
INSERT INTO t (id, g) SELECT add_one(id) + 200, twice(g) FROM t WHERE id < 5;
DELETE FROM t WHERE twice(id) = 240 RETURNING id;
SELECT count(*), sum(g), min(v), max(id) FROM t;
SELECT add_one(1, 2);
SELECT no_such_function(id) FROM t WHERE id = 1;
SELECT rank() OVER (ORDER BY twice(g) DESC, id), id FROM t ORDER BY 1 LIMIT 3;
SELECT id FROM t ORDER BY classify(n), id LIMIT 5;
ALTER FUNCTION add_one(int) RENAME TO plus_one;
SELECT plus_one(1), (SELECT max(plus_one(id)) FROM t);
DROP FUNCTION plus_one(int);
SELECT plus_one(1);
CREATE OR REPLACE FUNCTION twice(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN a * 200; END $$;
SELECT sum(twice(id)) FROM t;
BEGIN;
CREATE OR REPLACE FUNCTION twice(a int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN a * 3; END $$;
SELECT id, twice(id) FROM t ORDER BY id LIMIT 3;
SELECT count(*) FROM t WHERE twice(id) > 30;
SELECT sum(twice(id)) FROM t;
ROLLBACK;
SELECT sum(twice(id)) FROM t;

-- section functions that read tables
CREATE TABLE t (id int PRIMARY KEY, currency text, amount numeric);
CREATE TABLE rates (currency text PRIMARY KEY, rate numeric);
-- pgring: SELECT create_reference_table('rates')
CREATE TABLE notes (id int, note text);
-- pgring: SELECT undistribute_table('notes')
INSERT INTO rates VALUES ('EUR', 1), ('USD', 0.9), ('JPY', 0.006);
INSERT INTO t SELECT i, (ARRAY['EUR', 'USD', 'JPY', 'XXX'])[i % 4 + 1], i * 10 FROM generate_series(1, 20) AS i;
CREATE FUNCTION rate_of(c text) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT rate FROM rates WHERE currency = c';
CREATE FUNCTION in_euro(c text, a numeric) RETURNS numeric LANGUAGE plpgsql STABLE AS $$ DECLARE r rates%ROWTYPE; BEGIN SELECT * INTO r FROM rates WHERE currency = c; IF NOT FOUND THEN RETURN NULL; END IF; RETURN r.rate * a; END $$;
CREATE FUNCTION note_down(i int, what text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO notes VALUES (i, what); RETURN i; END $$;
CREATE FUNCTION notes_of(i int) RETURNS SETOF notes LANGUAGE sql STABLE AS 'SELECT * FROM notes WHERE id = i ORDER BY note';
CREATE FUNCTION total() RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(amount) FROM t';
CREATE FUNCTION total_of_all() RETURNS numeric LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN total() + 0; END $$;
CREATE FUNCTION put(i int) RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES (i, ''EUR'', 1)';
CREATE FUNCTION any_count(name text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %I', name) INTO n; RETURN n; END $$;
CREATE FUNCTION fixed_count() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM notes' INTO n; RETURN n; END $$;
CREATE FUNCTION set_rate(c text, r numeric) RETURNS void LANGUAGE sql AS 'UPDATE rates SET rate = r WHERE currency = c';
BEGIN;
UPDATE rates SET rate = 2 WHERE currency = 'EUR';
SELECT id, rate_of(currency) FROM t WHERE id < 9 ORDER BY id;
SELECT in_euro('EUR', 10);
SELECT sum(in_euro(currency, amount)) FROM t;
ROLLBACK;
SELECT id, rate_of(currency), in_euro(currency, amount) FROM t WHERE id < 9 ORDER BY id;
SELECT currency, sum(in_euro(currency, amount)) FROM t GROUP BY currency ORDER BY currency;
SELECT rate_of('USD'), in_euro('JPY', 1000);
SELECT currency, rate_of(currency) FROM rates ORDER BY 1;
UPDATE t SET amount = amount * rate_of(currency) WHERE id = 2 RETURNING *;
SELECT note_down(1, 'a'), note_down(1, 'b'), note_down(2, 'c');
SELECT * FROM notes ORDER BY id, note;
SELECT * FROM notes_of(1);
SELECT fixed_count();
INSERT INTO t VALUES (note_down(77, 'key'), 'EUR', 5), (78, 'EUR', note_down(78, 'value'));
SELECT id, amount FROM t WHERE id > 70 ORDER BY id;
SELECT count(*) FROM notes;
BEGIN;
SELECT note_down(3, 'gone');
SELECT * FROM notes_of(3);
ROLLBACK;
SELECT * FROM notes_of(3);
SELECT total();
-- refused
SELECT total_of_all();
SELECT id, total() FROM t WHERE id = 1;
-- refused
SELECT put(1000);
-- refused
SELECT any_count('t');
SELECT note_down(id, 'x') FROM t;
-- refused
SELECT set_rate('EUR', 2);
SELECT id FROM t WHERE amount < (SELECT max(total()) FROM rates);
SELECT count(*) FROM t WHERE amount = 1;
CREATE VIEW totals AS SELECT total() AS x;
-- refused
SELECT * FROM totals;
CREATE VIEW rated AS SELECT currency, rate_of(currency) AS r FROM rates;
SELECT * FROM rated ORDER BY currency;
CREATE TABLE d (id int PRIMARY KEY, x numeric DEFAULT total());
-- refused
INSERT INTO d VALUES (1);
CREATE FUNCTION small(a numeric) RETURNS boolean LANGUAGE sql AS 'SELECT a < (SELECT max(amount) FROM t)';
CREATE TABLE c (id int PRIMARY KEY, x numeric CHECK (small(x)));
-- refused
INSERT INTO c VALUES (1, 2);
CREATE FUNCTION like_total(a numeric, b numeric) RETURNS boolean LANGUAGE sql AS 'SELECT a = b AND total() > 0';
CREATE OPERATOR =~= (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = like_total);
-- refused
SELECT 1.0 =~= 1.0;
-- refused
SELECT id FROM t WHERE amount =~= 10.0;

-- section search paths
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.x (id int PRIMARY KEY, v text);
CREATE TABLE b.x (id int PRIMARY KEY, v text);
-- pgring: SELECT create_reference_table('b.x')
INSERT INTO a.x VALUES (1, 'a'), (2, 'a');
INSERT INTO b.x VALUES (1, 'b');
CREATE FUNCTION xs() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM x); END $$;
CREATE FUNCTION bs() RETURNS bigint LANGUAGE plpgsql SET search_path = b AS $$ BEGIN RETURN (SELECT count(*) FROM x); END $$;
SET search_path = b, public;
SELECT xs(), bs();
SET search_path = a, public;
SELECT bs();
-- refused
SELECT xs();
RESET search_path;
SELECT xs();

-- section declared functions
CREATE TABLE accounts (tenant int PRIMARY KEY, balance int NOT NULL);
CREATE TABLE bookings (tenant int, id int, amount int, PRIMARY KEY (tenant, id));
INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 20) AS i;
CREATE FUNCTION book(t int, i int, a int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE left_over int; BEGIN INSERT INTO bookings VALUES (t, i, a); UPDATE accounts SET balance = balance - a WHERE tenant = t RETURNING balance INTO left_over; IF left_over < 0 THEN RAISE EXCEPTION 'overdrawn'; END IF; RETURN left_over; END $$;
CREATE FUNCTION booked(t int) RETURNS TABLE (id int, amount int) LANGUAGE sql STABLE AS 'SELECT id, amount FROM bookings WHERE tenant = t ORDER BY id';
CREATE PROCEDURE clear(who int) LANGUAGE plpgsql AS $$ BEGIN DELETE FROM bookings WHERE tenant = who; UPDATE accounts SET balance = 100 WHERE tenant = who; END $$;
-- refused
SELECT book(1, 1, 10);
-- refused
CALL clear(1);
-- pgring: SELECT create_distributed_function('book(int, int, int)', 't')
-- pgring: SELECT create_distributed_function('booked(integer)', '$1', colocate_with => 'accounts')
-- pgring: SELECT create_distributed_function('clear(int)', 'who')
SELECT book(1, 1, 10), 'x' AS x;
SELECT book(1, 2, 20);
SELECT book(a => 5, i => 1, t => 7);
SELECT book(2, 1, 1000);
SELECT * FROM booked(1);
SELECT sum(amount) FROM booked(1);
SELECT * FROM booked(2);
SELECT * FROM accounts WHERE tenant < 8 ORDER BY tenant;
SELECT * FROM bookings ORDER BY tenant, id;
CALL clear(1);
SELECT * FROM booked(1);
BEGIN;
SELECT book(3, 1, 1);
SELECT book(4, 1, 1);
SELECT count(*) FROM bookings;
ROLLBACK;
SELECT count(*) FROM bookings;
-- refused
SELECT book(tenant, 9, 1) FROM accounts;
-- refused
SELECT * FROM booked(1) JOIN accounts ON true;
-- refused
SELECT * FROM booked((SELECT 1));
DROP FUNCTION booked(int);
CREATE FUNCTION booked(t int) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM bookings';
SELECT booked(1);

-- section procedures and blocks
CREATE TABLE h (id int, v text);
-- pgring: SELECT undistribute_table('h')
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE PROCEDURE add_h(i int, INOUT n bigint DEFAULT NULL) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO h VALUES (i, 'p'); SELECT count(*) INTO n FROM h; END $$;
CREATE PROCEDURE step() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO h VALUES (10, 'kept'); COMMIT; INSERT INTO h VALUES (11, 'lost'); ROLLBACK; END $$;
CALL add_h(1);
CALL add_h(2, 5);
CALL step();
SELECT * FROM h ORDER BY id;
BEGIN;
CALL add_h(3);
CALL step();
ROLLBACK;
DO $$ DECLARE i int; BEGIN FOR i IN 20..22 LOOP INSERT INTO h VALUES (i, 'do'); END LOOP; END $$;
DO LANGUAGE plpgsql 'BEGIN UPDATE h SET v = upper(v) WHERE id = 20; END';
DO $$ BEGIN RAISE EXCEPTION 'stop' USING ERRCODE = '22000'; END $$;
DO $$ BEGIN CREATE TYPE mood AS ENUM ('good', 'bad'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE TYPE mood AS ENUM ('good', 'bad'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'm') THEN ALTER TABLE t ADD COLUMN m mood DEFAULT 'good'; END IF; END $$;
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
SELECT * FROM t ORDER BY id;
SELECT * FROM h ORDER BY id;
-- refused
DO $$ BEGIN PERFORM count(*) FROM t; END $$;
-- refused
DO $$ BEGIN DELETE FROM t; END $$;
-- refused
DO $$ BEGIN EXECUTE 'DELETE FROM ' || 't'; END $$;
-- refused
DO $$ BEGIN CREATE TABLE u (id int PRIMARY KEY); END $$;
SELECT count(*) FROM t;

-- section aggregates of the user
CREATE TABLE t (id int PRIMARY KEY, g int, v int);
INSERT INTO t SELECT i, i % 3, i FROM generate_series(1, 20) AS i;
CREATE FUNCTION multiply(a numeric, b int) RETURNS numeric LANGUAGE sql AS 'SELECT a * b';
CREATE AGGREGATE product(int) (SFUNC = multiply, STYPE = numeric, INITCOND = '1');
CREATE FUNCTION keep_last(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT b';
CREATE AGGREGATE last_one(int) (SFUNC = keep_last, STYPE = int);
CREATE FUNCTION spying(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + (SELECT count(*) FROM t)::int';
CREATE AGGREGATE spy(int) (SFUNC = spying, STYPE = int, INITCOND = '0');
SELECT product(v) FROM t;
SELECT g, product(v) FROM t GROUP BY g ORDER BY g;
SELECT last_one(v ORDER BY id DESC), last_one(v ORDER BY g, id) FROM t;
SELECT g, product(v) FILTER (WHERE v < 6), count(*) FROM t GROUP BY g HAVING product(v) > 10 ORDER BY g;
SELECT id, product(v) OVER (ORDER BY id) FROM t ORDER BY id LIMIT 5;
SELECT product(v) FROM t WHERE id = 3;
-- refused
SELECT spy(v) FROM t;
CREATE FUNCTION same(a int, b int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT a = b';
CREATE OPERATOR ==== (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
SELECT id FROM t WHERE v ==== 5;
CREATE TYPE point2 AS (x int, y int);
CREATE FUNCTION to_point(i int) RETURNS point2 LANGUAGE sql IMMUTABLE AS 'SELECT ROW(i, i)::point2';
CREATE CAST (int AS point2) WITH FUNCTION to_point(int);
SELECT id::point2 FROM t WHERE id < 3 ORDER BY id;
SELECT (to_point(id)).x FROM t ORDER BY id LIMIT 2;
CREATE FUNCTION count_point(i bigint) RETURNS point2 LANGUAGE sql AS 'SELECT ROW(count(*), i)::point2 FROM t';
-- refused
CREATE CAST (bigint AS point2) WITH FUNCTION count_point(bigint);
CREATE OR REPLACE FUNCTION to_point(i int) RETURNS point2 LANGUAGE sql IMMUTABLE AS 'SELECT ROW(count(*), i)::point2 FROM t';
-- refused
SELECT 5::point2;
DROP CAST (int AS point2);
SELECT count(*) FROM t;

-- section functions over reference tables whose rows have no order of their own
CREATE TABLE t (id int PRIMARY KEY, g int, v text);
INSERT INTO t SELECT i, i % 4, 'v' || i FROM generate_series(1, 30) AS i;
CREATE TABLE r (id int PRIMARY KEY, g int, w text) WITH (pgring.placement = 'reference');
INSERT INTO r SELECT i, i % 3, 'w' || i FROM generate_series(1, 9) AS i;
CREATE FUNCTION one(a int) RETURNS text LANGUAGE sql STABLE AS 'SELECT w FROM r WHERE id = a';
CREATE FUNCTION returned(a int) RETURNS text LANGUAGE sql STABLE RETURN (SELECT w FROM r WHERE r.id = a);
CREATE FUNCTION first_of_all() RETURNS text LANGUAGE sql STABLE AS 'SELECT w FROM r';
CREATE FUNCTION chosen() RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT w FROM r LIMIT 1; END;
CREATE FUNCTION listed(a int) RETURNS int LANGUAGE sql STABLE AS 'SELECT cardinality(array_agg(w)) FROM r WHERE r.g = a';
CREATE FUNCTION ordered(a int) RETURNS text LANGUAGE sql STABLE AS $$SELECT string_agg(w, ',' ORDER BY id) FROM r WHERE r.g = a$$;
CREATE FUNCTION many(a int) RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT w FROM r WHERE r.g = a';
CREATE FUNCTION into_variable(a int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE x text; BEGIN SELECT w INTO x FROM r WHERE r.g >= a; RETURN left(x, 1); END $$;
CREATE FUNCTION into_strict(a int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE x text; BEGIN SELECT w INTO STRICT x FROM r WHERE r.g = a; RETURN x; END $$;
CREATE FUNCTION looped(a int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE x text := ''; q record; BEGIN FOR q IN SELECT w, id FROM r WHERE r.g = a ORDER BY r.id LOOP x := x || q.w || one(q.id); END LOOP; RETURN x; END $$;
CREATE FUNCTION loose(a int) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE x text := ''; q record; BEGIN FOR q IN SELECT w FROM r WHERE r.g = a LOOP x := x || q.w; END LOOP; RETURN length(x); END $$;
CREATE FUNCTION both_parts(a int) RETURNS text LANGUAGE sql STABLE AS 'SELECT one(a) || into_variable(1)';
SELECT id, one(g), returned(g), ordered(g), looped(g) FROM t ORDER BY id;
SELECT count(DISTINCT first_of_all()), count(DISTINCT chosen()) FROM t;
SELECT id, listed(g), loose(g), into_variable(g), both_parts(g) FROM t ORDER BY id;
SELECT id, many(g) FROM t ORDER BY 1, 2;
SELECT t.id, m FROM t, many(t.g) AS m ORDER BY 1, 2;
SELECT id FROM t WHERE into_variable(g) = 'w' ORDER BY 1;
SELECT into_strict(g) FROM t WHERE id = 3;
SELECT one(g), loose(g) FROM t WHERE id = 7;
BEGIN;
UPDATE t SET v = one(g) || ordered(g) WHERE g > 0;
SELECT id, one(g), ordered(g), looped(g), v FROM t ORDER BY id;
SELECT id, loose(g) FROM t ORDER BY id;
ROLLBACK;
-- refused
UPDATE t SET v = chosen();
-- refused
DELETE FROM t WHERE into_variable(g) = 'w';
UPDATE t SET v = one(g), g = loose(g) WHERE id = 5;
SELECT * FROM t WHERE id = 5;
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.w := (SELECT w FROM r LIMIT 1); RETURN NEW; END $$;
CREATE TABLE copies (id int PRIMARY KEY, w text) WITH (pgring.placement = 'reference');
-- refused
CREATE TRIGGER fill BEFORE INSERT ON copies FOR EACH ROW EXECUTE FUNCTION fill();
CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SELECT w INTO NEW.w FROM r WHERE r.id = NEW.id; RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON copies FOR EACH ROW EXECUTE FUNCTION fill();
INSERT INTO copies VALUES (1), (4), (77);
SELECT * FROM copies ORDER BY id;

-- section functions over sharded tables, as their bodies
CREATE TABLE t (id int PRIMARY KEY, g int, v text);
INSERT INTO t SELECT i, i % 4, 'v' || i FROM generate_series(1, 30) AS i;
CREATE TABLE u (id bigint PRIMARY KEY, t_id int, w text);
INSERT INTO u SELECT i, i % 10, 'w' || i FROM generate_series(1, 20) AS i;
CREATE FUNCTION of_group(int) RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t WHERE g = $1';
CREATE FUNCTION of_id(wanted int) RETURNS t LANGUAGE sql AS 'SELECT * FROM t WHERE id = wanted';
CREATE FUNCTION name_of(wanted int) RETURNS text LANGUAGE sql AS $$ SELECT t.v FROM t WHERE t.id = name_of.wanted $$;
CREATE FUNCTION names_of(int) RETURNS SETOF text LANGUAGE sql AS 'SELECT v FROM t WHERE g = $1 ORDER BY id';
CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT count(*) FROM t);
CREATE FUNCTION counted(int) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM t WHERE g = $1; END;
CREATE FUNCTION both_of(a int, b text) RETURNS TABLE (key int, label text) LANGUAGE sql STABLE AS $$ SELECT id, v || b FROM t WHERE g >= a $$;
CREATE FUNCTION outputs(a int, OUT low int, OUT high int) LANGUAGE sql STABLE AS 'SELECT min(id), max(id) FROM t WHERE g = a';
CREATE FUNCTION joined(x int) RETURNS TABLE (v text, w text) LANGUAGE sql STABLE AS 'SELECT t.v, u.w FROM t JOIN u ON u.t_id = t.id WHERE t.g = x';
CREATE FUNCTION nested(x int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT counted(x) + counted() -- all';
CREATE FUNCTION g(g int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM t WHERE t.g = g';
CREATE FUNCTION strictly(x int) RETURNS bigint LANGUAGE sql STRICT AS 'SELECT count(*) FROM t WHERE t.g = x';
SELECT * FROM of_group(1) ORDER BY id;
SELECT f.id, f.v FROM of_group(2) AS f WHERE f.id > 9 ORDER BY 1;
SELECT a, c FROM of_group(3) AS f(a, b, c) ORDER BY a;
SELECT * FROM of_id(7);
SELECT * FROM of_id(700);
SELECT * FROM of_id(7) AS x(one, two);
SELECT name_of(3), name_of(300), name_of('4') AS four;
SELECT * FROM name_of(5);
SELECT * FROM name_of(5) AS n;
SELECT n FROM name_of(5) AS n;
SELECT * FROM names_of(1) WITH ORDINALITY ORDER BY 2;
SELECT * FROM names_of(1) WITH ORDINALITY AS n(name, place) WHERE place < 4 ORDER BY place;
SELECT counted(), counted(2), nested(1);
SELECT count(*) FROM names_of(2) AS n JOIN of_group(2) AS f ON f.v = n;
SELECT key, label FROM both_of(2, '-x') ORDER BY key;
SELECT * FROM outputs(2);
SELECT low + high FROM outputs(1) AS o;
SELECT * FROM joined(1) ORDER BY 1, 2;
SELECT t.id, name_of(t.id) FROM t WHERE t.id < 6 ORDER BY 1;
-- refused
SELECT t.id, name_of(t.id + 1) FROM t WHERE t.id = 6;
SELECT t.id, f.w FROM t, joined(t.g) AS f ORDER BY 1, 2;
SELECT u.id, n.* FROM u, name_of(u.t_id) AS n ORDER BY u.id;
SELECT u.id, f.v FROM u LEFT JOIN LATERAL of_group(u.t_id) AS f ON f.id < 9 ORDER BY 1, 2;
SELECT id FROM u WHERE t_id = counted(0) ORDER BY id;
SELECT (SELECT counted(1)), EXISTS (SELECT FROM of_group(77));
INSERT INTO u SELECT 100 + id, g, v FROM of_group(1) WHERE id < 12;
SELECT * FROM u WHERE id > 99 ORDER BY id;
DELETE FROM u WHERE id > 100 + counted() - 5;
SELECT count(*) FROM u;
COPY (SELECT * FROM of_group(1) ORDER BY id) TO STDOUT;
PREPARE p(int) AS SELECT name_of($1), counted($1) FROM of_group($1) AS f WHERE f.id < 8;
EXECUTE p(2);
EXECUTE p(3);
BEGIN;
INSERT INTO t VALUES (31, 1, 'new');
SELECT counted(1), name_of(31);
DECLARE c CURSOR FOR SELECT id FROM of_group(1) ORDER BY id;
FETCH 2 FROM c;
ROLLBACK;
-- refused
SELECT strictly(1);
-- refused
SELECT f FROM of_id(7) AS f;
-- refused
SELECT names_of(1);
-- refused
SELECT g(1);
CREATE TABLE copied AS SELECT * FROM of_group(2);
SELECT * FROM copied ORDER BY id;
SELECT * FROM of_group('x');
SELECT * FROM of_group(1, 2);
SELECT no_column FROM of_group(1);
