"""What a Python program does by psycopg2; prints everything it saw as JSON lines. Arguments: host port database."""

import datetime
import decimal
import io
import json
import sys

import psycopg2
import psycopg2.extras

host, port, database = sys.argv[1:]


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, memoryview):
        return bytes(value).hex()
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.datetime)):
        return f"{type(value).__name__} {value}"
    return value


def say(*what):
    print(json.dumps(plain(what), sort_keys=True))


connection = psycopg2.connect(host=host, port=port, dbname=database, user="postgres")
cursor = connection.cursor()
cursor.execute("CREATE TABLE students (id SERIAL PRIMARY KEY, name TEXT NOT NULL, age INT)")
for name, age in (("Alice", 21), ("Bob", 22), ("Carol", 23)):
    cursor.execute("INSERT INTO students (name, age) VALUES (%s, %s)", (name, age))
    say(cursor.rowcount, cursor.statusmessage)
connection.commit()
cursor.execute("SELECT * FROM students ORDER BY id")
say(cursor.fetchall(), [(column.name, column.type_code) for column in cursor.description])
cursor.execute("UPDATE students SET age = 24 WHERE name = 'Bob'")
say(cursor.rowcount)
cursor.execute("DELETE FROM students WHERE name = 'Alice'")
say(cursor.rowcount)
connection.commit()
cursor.execute("SELECT * FROM students ORDER BY id")
say(cursor.fetchall())

cursor.execute(
    "CREATE TABLE things (id int PRIMARY KEY, words text[], doc jsonb, amount numeric, made timestamptz, raw bytea)"
)
psycopg2.extras.execute_values(
    cursor,
    "INSERT INTO things VALUES %s",
    [
        (
            number,
            [f"w{number}", "x"],
            psycopg2.extras.Json({"n": number}),
            decimal.Decimal(number) / 8,
            datetime.datetime(2024, 1, 1 + number, tzinfo=datetime.timezone.utc),
            bytes([0, number]),
        )
        for number in range(12)
    ],
)
connection.commit()
cursor.execute("SELECT * FROM things ORDER BY id")
say(cursor.fetchall())
cursor.execute("SELECT sum(amount), min(made), count(*) FROM things")
say(cursor.fetchall())
connection.rollback()

for statement in (
    "SELEC",
    "SELECT nothing FROM things",
    "INSERT INTO things (id) VALUES (3)",
    "SELECT 1 / (id - 3) FROM things WHERE id = 3",
):
    try:
        cursor.execute(statement)
        say("no error")
    except psycopg2.Error as error:
        say(error.pgcode, error.diag.message_primary, error.diag.statement_position)
        try:
            cursor.execute("SELECT 1")
        except psycopg2.Error as second:
            say(second.pgcode)
    connection.rollback()

cursor.copy_expert("COPY things (id, words) FROM STDIN", io.StringIO("100\t{a,b}\n101\t\\N\n"))
say(cursor.rowcount)
out = io.StringIO()
cursor.copy_expert("COPY things (id) TO STDOUT", out)
say(sorted(out.getvalue().split()))
connection.rollback()
cursor.execute("SELECT count(*) FROM things")
say(cursor.fetchone())

connection.rollback()
connection.set_session(isolation_level="SERIALIZABLE")
cursor.execute("SHOW transaction_isolation")
say(cursor.fetchone())
connection.rollback()
connection.autocommit = True
cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
cursor.execute("SELECT made FROM things WHERE id = 3")
say(cursor.fetchone())
cursor.execute("SELECT made FROM things ORDER BY id LIMIT 2")
say(cursor.fetchall())
say(connection.server_version // 10000 > 0, connection.encoding, connection.get_parameter_status("TimeZone"))
connection.close()
