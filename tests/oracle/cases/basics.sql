-- section students
CREATE TABLE students (id int PRIMARY KEY, name text NOT NULL, age int);
INSERT INTO students VALUES (1, 'Ada', 36);
INSERT INTO students VALUES (2, 'Grace', 85);
INSERT INTO students (id, name) VALUES (3, 'Edsger');
SELECT * FROM students ORDER BY id;
UPDATE students SET age = 72 WHERE id = 3;
DELETE FROM students WHERE id = 1;
SELECT * FROM students ORDER BY name DESC;
SELECT count(*) FROM students;
SELECT nonsense FROM students;
SELECT * FROM nowhere;
INSERT INTO students VALUES (2, 'again', 1);
INSERT INTO students VALUES (NULL, 'nobody', 1);
