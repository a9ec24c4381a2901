-- section COPY FROM in text
CREATE TABLE t (id int PRIMARY KEY, a text, b numeric(6,2), c date DEFAULT '2020-02-02');
COPY t FROM STDIN;
1	one	1.5	2021-01-01
2	\N	\N	\N
3	t\tab\nline\\x\x41\101		2021-01-03
\.
SELECT * FROM t ORDER BY id;
COPY t (id, a) FROM STDIN;
4	four
5	five
6	six
\.
COPY t (a, id) FROM STDIN WITH (DELIMITER '|', NULL 'null');
seven|7
null|8
a\|b|9
\.
SELECT * FROM t ORDER BY id;
COPY t FROM STDIN;
10	x	abc	2021-01-01
\.
COPY t FROM STDIN;
10	x	1	2021-01-01
11	x	12345.678	2021-01-01
\.
COPY t FROM STDIN;
10	x	1	2021-01-01
11	x	1
12	x	1	2021-01-01
\.
COPY t FROM STDIN;
10	x	1	2021-01-01	extra
\.
COPY t FROM STDIN;
abc	x	1	2021-01-01
\.
COPY t FROM STDIN;
99999999999	x	1	2021-01-01
\.
COPY t FROM STDIN;
\N	x	1	2021-01-01
\.
COPY t FROM STDIN;
20	x	1	2021-01-01
21	x	1	2021-01-01
1	x	1	2021-01-01
22	x	1	2021-01-01
\.
COPY t FROM STDIN;
20	x	1	2021-01-01
20	x	1	2021-01-01
\.

COPY t FROM STDIN;

\.
SELECT count(*) FROM t;
COPY t (id, nosuch) FROM STDIN;
1	x
\.
COPY t (id, id) FROM STDIN;
1	x
\.
COPY nosuch FROM STDIN;
1	x
\.
COPY t FROM STDIN (NOSUCH);
1	x
\.
COPY t FROM STDIN (FORMAT nosuch);
1	x
\.
COPY t FROM STDIN (FORMAT text, FORMAT csv);
1	x
\.
COPY t FROM STDIN (QUOTE 'x');
1	x
\.
COPY t FROM STDIN (DELIMITER 'ab');
1	x
\.
COPY t FROM STDIN (DELIMITER E'\n');
1	x
\.
COPY t FROM STDIN (DELIMITER 'a');
1	x
\.
COPY t FROM STDIN (HEADER 7);
1	x
\.
COPY t FROM STDIN (FORCE_NULL (a));
1	x
\.
COPY t FROM STDIN (FORMAT csv, FORCE_QUOTE (a));
1	x
\.
COPY t FROM STDIN (ON_ERROR nosuch);
1	x
\.
COPY t FROM STDIN (REJECT_LIMIT 3);
1	x
\.
COPY t FROM STDIN (ENCODING 'nosuch');
1	x
\.
COPY t (id, a) FROM STDIN (HEADER);
whatever	is here
30	thirty
\.
COPY t (id, a) FROM STDIN (HEADER MATCH);
id	a
31	thirty-one
\.
COPY t (id, a) FROM STDIN (HEADER MATCH);
id	b
32	thirty-two
\.
COPY t (id, a) FROM STDIN (HEADER MATCH);
id
32	thirty-two
\.
COPY t (id, a) FROM STDIN (HEADER MATCH);
id	a	b
32	thirty-two
\.
COPY t FROM STDIN WHERE id > 41;
40	x	1	2021-01-01
41	x	1	2021-01-01
42	x	1	2021-01-01
43	x	1	2021-01-01
\.
COPY t FROM STDIN WHERE nosuch > 41;
40	x	1	2021-01-01
\.
COPY t FROM STDIN WHERE id IN (SELECT 1);
40	x	1	2021-01-01
\.
COPY t FROM STDIN WHERE count(*) > 1;
40	x	1	2021-01-01
\.
SELECT * FROM t WHERE id > 20 ORDER BY id;
COPY t (id, a) FROM STDIN (ENCODING 'utf8');
50	Größe €
\.
COPY t (id, a) FROM STDIN (ENCODING latin1);
51	plain
52	GröÃ
\.
SELECT id, a FROM t WHERE id >= 50 ORDER BY id;
BEGIN;
TRUNCATE t;
COPY t (id, a) FROM STDIN (FREEZE);
1	one
2	two
3	three
\.
SELECT count(*) FROM t;
ROLLBACK;
BEGIN;
COPY t (id, a) FROM STDIN;
60	sixty
61	sixty-one
\.
SELECT id FROM t WHERE id >= 60 ORDER BY id;
SAVEPOINT s;
COPY t (id, a) FROM STDIN;
62	sixty-two
60	twice
\.
ROLLBACK TO s;
SELECT id FROM t WHERE id >= 60 ORDER BY id;
COMMIT;
BEGIN READ ONLY;
COPY t (id, a) FROM STDIN;
70	seventy
\.
ROLLBACK;
CREATE VIEW v AS SELECT id, a FROM t;
COPY v TO STDOUT;
CREATE TABLE e (id int PRIMARY KEY);
COPY e FROM STDIN;
\.
COPY e FROM STDIN;
1
\.
SELECT * FROM e;

-- section COPY FROM in CSV
CREATE TABLE t (id int PRIMARY KEY, a text, b text, c text DEFAULT 'def');
COPY t FROM STDIN (FORMAT csv);
1,one,"two ""quoted""","line
break"
2,,"",
3,"a,b",' x ,"c"d"e"
\.
SELECT * FROM t ORDER BY id;
COPY t FROM STDIN (FORMAT csv, HEADER);
id,a,b,c
4,x,y,z
"5",x,y,z
\.
COPY t FROM STDIN CSV HEADER QUOTE AS '''' ESCAPE '\' DELIMITER ';' NULL AS 'NIL';
id;a;b;c
6;NIL;'NIL';'it\'s; \\ fine'
\.
COPY t FROM STDIN (FORMAT csv, FORCE_NULL (a, b), FORCE_NOT_NULL (c));
7,"","",
8,"x",y,"z"
\.
COPY t FROM STDIN (FORMAT csv, FORCE_NULL *, FORCE_NOT_NULL *);
9,"","",
\.
SELECT * FROM t ORDER BY id;
COPY t FROM STDIN (FORMAT csv, NULL '7', FORCE_NOT_NULL (id), FORCE_NULL (a));
7000,"7",7,"7"
\.
COPY t FROM STDIN (FORMAT csv, NULL '7', FORCE_NULL (id));
"7","7",7,"7"
\.
COPY t FROM STDIN (FORMAT csv, NULL '77', FORCE_NOT_NULL (id));
77,"77",77,"77"
\.
COPY t FROM STDIN (FORMAT csv, DEFAULT '\D');
10,\D,"\D",\D
11,x,\D,"\D"
\.
COPY t FROM STDIN (FORMAT csv, DEFAULT '\D');
\D,x,y,z
\.
COPY t FROM STDIN (DEFAULT '\D');
13	\D	\\D	\D
\.
COPY t (id, c) FROM STDIN (FORMAT csv, DEFAULT 'def', NULL 'def');
13	\D	\\D	\D
\.
SELECT * FROM t WHERE id >= 7 ORDER BY id;
COPY t FROM STDIN (FORMAT csv);
20,"unterminated,x,y
\.
COPY t FROM STDIN (FORMAT csv);
20,a,b,c
21,a,b
\.
COPY t FROM STDIN (FORMAT csv);
20,a,b,c
x,a,b,c
\.
COPY t FROM STDIN (FORMAT csv);
20,a,b,"c
c"
21,a,b,"c

c"
1,a,b,c
\.
COPY t FROM STDIN (FORMAT csv, QUOTE '""');
x
\.
COPY t FROM STDIN (FORMAT csv, QUOTE ',');
x
\.
COPY t FROM STDIN (FORMAT csv, FORCE_NULL (nosuch));
x
\.
COPY t (id, a) FROM STDIN (FORMAT csv, FORCE_NULL (b));
x
\.
SELECT count(*) FROM t;

-- section COPY FROM that skips errors
CREATE TABLE t (id int PRIMARY KEY, n int, d date);
COPY t FROM STDIN (ON_ERROR ignore);
1	1	2020-01-01
2	x	2020-01-01
3	3	2020-13-01
y	4	2020-01-01
5	99999999999	2020-01-01
6	6	2020-01-06
\.
SELECT * FROM t ORDER BY id;
COPY t FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose);
11	1	2020-01-01
12	x	2020-01-01
13	3	2020-13-01
y	4	2020-01-01
15	\N	x
16	6	2020-01-06
\.
COPY t FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY silent);
21	1	2020-01-01
22	x	2020-01-01
\.
COPY t FROM STDIN (ON_ERROR ignore, REJECT_LIMIT 2);
31	1	2020-01-01
32	x	2020-01-01
33	3	2020-13-01
34	4	2020-01-01
\.
COPY t FROM STDIN (ON_ERROR ignore, REJECT_LIMIT 2);
41	1	2020-01-01
42	x	2020-01-01
43	3	2020-13-01
44	y	2020-01-01
45	y	2020-01-01
46	1	2020-01-01
\.
COPY t FROM STDIN (ON_ERROR ignore);
51	1	2020-01-01
52	x
\.
COPY t FROM STDIN (ON_ERROR stop);
51	1	2020-01-01
52	x	2020-01-01
\.
COPY t FROM STDIN (ON_ERROR ignore);
51	1	2020-01-01
1	1	2020-01-01
\.
COPY t FROM STDIN (FORMAT csv, ON_ERROR ignore, HEADER);
id,n,d
61,1,2020-01-01
62,x,2020-01-01
63,"
",2020-01-01
64,x,"x"
\.
SELECT * FROM t ORDER BY id;
COPY t TO STDOUT (ON_ERROR ignore);

-- section COPY FROM with defaults from sequences and functions
CREATE TABLE s (id serial PRIMARY KEY, a text, n int GENERATED ALWAYS AS IDENTITY, g int GENERATED ALWAYS AS (length(a)) STORED);
COPY s (a) FROM STDIN;
one
two
three
four
\.
SELECT * FROM s ORDER BY id;
SELECT currval('s_id_seq'), currval('s_n_seq'), lastval() > 0;
COPY s (a) FROM STDIN (FORMAT csv, HEADER);
a
"fi,ve"
"six ""6"""
seven
"eight
nine"
\.
COPY s (a) FROM STDIN (FORMAT csv, HEADER MATCH);
a
ten
\.
CREATE TABLE h (id serial PRIMARY KEY, a text);
COPY h (a) FROM STDIN (FORMAT csv, HEADER MATCH);
b
ten
\.
COPY h (a) FROM STDIN (FORMAT csv, HEADER MATCH);
a,b
ten
\.
COPY h (a) FROM STDIN (HEADER MATCH);
b
ten
\.
COPY h (a) FROM STDIN (HEADER MATCH);

ten
\.
COPY s (id, a) FROM STDIN;
100	hundred
101	\N
\.
COPY s (id, a, n) FROM STDIN;
102	n	5
\.
COPY s (a) FROM STDIN;
more	fields
\.
COPY s (a, n) FROM STDIN;
less
\.
INSERT INTO s (a) VALUES ('after') RETURNING id;
SELECT * FROM s ORDER BY id;
COPY s (a) TO STDOUT;
CREATE TABLE k (tenant int, id bigserial, v text, PRIMARY KEY (tenant, id));
COPY k (tenant, v) FROM STDIN;
1	a
2	b
1	c
3	d
2	e
4	f
\.
SELECT * FROM k ORDER BY tenant, id;
COPY k (tenant, v) FROM STDIN;
1	a
x	b
\.
COPY k (v, tenant) FROM STDIN (DELIMITER ',', NULL 'n');
\N,5
n,6
a\,b,7
\.
SELECT tenant, v FROM k WHERE tenant >= 5 ORDER BY tenant;
SELECT count(*), count(DISTINCT id) FROM k;
CREATE TABLE u (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v text, at timestamptz DEFAULT now());
COPY u (v) FROM STDIN;
a
b
c
\.
SELECT v, count(DISTINCT id) FROM u GROUP BY v ORDER BY v;
SELECT count(DISTINCT at), count(DISTINCT id) FROM u;
CREATE TABLE r (id serial PRIMARY KEY, v text, w float8 DEFAULT random());
-- pgring: SELECT create_reference_table('r')
COPY r (v) FROM STDIN;
a
b
c
\.
SELECT id, v FROM r ORDER BY id;
BEGIN;
CREATE TABLE x (id serial PRIMARY KEY, v text);
COPY x (v) FROM STDIN;
a
b
\.
COPY x (v) FROM STDIN;
c
d
\.
SELECT * FROM x ORDER BY id;
COMMIT;
SELECT setval('x_id_seq', 2147483646);
COPY x (v) FROM STDIN;
e
\.
SELECT currval('x_id_seq');
SELECT * FROM x ORDER BY id;
CREATE TABLE tiny (id smallserial PRIMARY KEY, v text);
-- refused
COPY tiny FROM STDIN (FORMAT csv, DEFAULT 'D');
D,x
7,D
\.

-- section COPY of reference, partitioned and inherited tables
CREATE TABLE r (id int PRIMARY KEY, v text);
-- pgring: SELECT create_reference_table('r')
COPY r FROM STDIN;
1	a
2	b
\.
COPY r FROM STDIN;
3	c
1	d
\.
COPY r FROM STDIN WHERE id > 3;
3	c
4	d
\.
COPY r FROM STDIN (FORMAT csv, FORCE_NULL (v));
5,""
\.
COPY r FROM STDIN (ON_ERROR ignore);
6	x
x	y
\.
COPY r FROM STDIN (FORMAT csv, DEFAULT 'D');
7,D
\.
SELECT * FROM r ORDER BY id;
COPY r TO STDOUT (HEADER);
CREATE TABLE p (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
COPY p FROM STDIN;
1	1	a
2	11	b
3	9	c
4	19	d
\.
SELECT tableoid::regclass, * FROM p ORDER BY id;
COPY p FROM STDIN;
5	5	e
6	60	f
\.
COPY p1 FROM STDIN;
7	7	g
\.
COPY p1 FROM STDIN;
8	18	g
\.
COPY p TO STDOUT;
COPY p1 TO STDOUT;
COPY (SELECT * FROM p ORDER BY id) TO STDOUT;
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (w text) INHERITS (parent);
COPY parent FROM STDIN;
1	a
2	b
\.
COPY child FROM STDIN;
3	c	d
\.
SELECT * FROM parent ORDER BY id;
COPY parent TO STDOUT;
COPY (SELECT * FROM parent ORDER BY id) TO STDOUT (FORMAT csv);

-- section COPY TO
CREATE TABLE t (id int PRIMARY KEY, a text, n numeric, b bytea);
INSERT INTO t VALUES (1, E'a"b,c\td\\e', 1.5, '\x00ff'), (2, NULL, NULL, NULL), (3, E'line\nbreak', -1, ''), (4, '', 0, '\x41'), (5, '\.', 5, NULL), (6, 'Größe', 6, NULL);
COPY t TO STDOUT;
COPY t TO STDOUT (FORMAT csv);
COPY t TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY t TO STDOUT (FORMAT csv, FORCE_QUOTE (a, n), NULL 'null', DELIMITER '|', QUOTE '''', ESCAPE '\');
COPY t (a, id) TO STDOUT (HEADER, NULL '');
COPY t (a, id) TO STDOUT (FORMAT csv, HEADER);
COPY t TO STDOUT (ENCODING 'latin1');
COPY t TO STDOUT (FORMAT csv, ENCODING 'latin1', HEADER);
COPY t TO STDOUT (FORMAT binary);
COPY (SELECT a FROM t WHERE id = 6) TO STDOUT (ENCODING 'latin1');
COPY (SELECT a, count(*) FROM t GROUP BY a ORDER BY a COLLATE "C") TO STDOUT (ENCODING 'latin1');
COPY t (nosuch) TO STDOUT;
COPY t TO STDOUT (FORCE_QUOTE (a));
COPY t TO STDOUT (FORMAT csv, FORCE_NULL (a));
COPY t TO STDOUT (FORMAT csv, FORCE_QUOTE (nosuch));
COPY t TO STDOUT (HEADER match);
COPY t TO STDOUT (DEFAULT 'x');
COPY t TO STDOUT (FREEZE);
COPY t TO STDOUT WHERE id > 1;
COPY nosuch TO STDOUT;

-- section COPY FROM whose rows several shards refuse: the first row in the client's order is told
CREATE TABLE t (id int PRIMARY KEY, a text CHECK (a <> 'bad'));
INSERT INTO t SELECT n, 'old' FROM generate_series(1, 20) AS n;
COPY t FROM STDIN;
101	new
17	again
3	again
8	again
12	again
5	again
\.
COPY t FROM STDIN;
102	new
103	new
9	again
104	bad
1	again
105	bad
\.
COPY t FROM STDIN;
106	bad
2	again
107	bad
108	bad
4	again
\.
SELECT count(*), max(id) FROM t;
