"""psycopg 3, in text or binary format (first argument)."""

import sys
import threading

import psycopg
from checks import *  # noqa: F403 - the one place where the facts of the shop stand

BINARY = sys.argv[1] == "binary"


def connect(role="agent", **more):
    return psycopg.connect(**libpq(role), **more)


def rows(connection, sql, parameters=None):
    with connection.cursor(binary=BINARY) as cursor:
        return cursor.execute(sql, parameters).fetchall()


def refused(code, *parts, role="agent", sql):
    with connect(role, autocommit=True) as connection:
        try:
            rows_or_none = connection.execute(sql)
        except psycopg.Error as error:
            equal(error.sqlstate, code)
            contains(error.diag.message_primary, *parts)
            expect("\n" not in error.diag.message_primary, "the primary message is one line")
        else:
            raise AssertionError(f"not refused: {rows_or_none.statusmessage}")
        equal(rows(connection, "SELECT 1 AS one"), [(1,)])


@check
def query():
    with connect() as connection:
        equal(rows(connection, "SELECT id, status, total, placed_at FROM orders WHERE id = 1"), [FIRST_ORDER])


@check
def parameters():
    with connect() as connection:
        found = rows(connection, "SELECT id, status, total, placed_at FROM orders WHERE id = %s AND status = %s", (1, "paid"))
        equal(found, [FIRST_ORDER])
        equal(rows(connection, "SELECT count(*) FROM orders WHERE id = %s", (None,)), [(0,)])


@check
def masked():
    with connect() as connection:
        masked_email(rows(connection, "SELECT email FROM customers WHERE id = %s", (42,))[0][0])
        masked_email(rows(connection, "SELECT email FROM customers WHERE id = 42")[0][0])


@check
def prepared_reuse():
    with connect(prepare_threshold=0) as connection:
        for number in range(1, 31):
            equal(rows(connection, "SELECT total FROM orders WHERE id = %s", (number,)), [(order_total(number),)])


@check
def pipeline():
    with connect(autocommit=True) as connection, connection.pipeline():
        cursors = [connection.execute("SELECT total FROM orders WHERE id = %s", (number,), binary=BINARY) for number in range(1, 21)]
        for number, cursor in enumerate(cursors, 1):
            equal(cursor.fetchall(), [(order_total(number),)])


@check
def transaction():
    with connect() as connection:
        connection.execute("INSERT INTO notes (id, body) VALUES (%s, %s)", (OFFSET + 1, "kept"))
        connection.commit()
        connection.execute("INSERT INTO notes (id, body) VALUES (%s, %s)", (OFFSET + 2, "dropped"))
        connection.rollback()
        equal(rows(connection, "SELECT id, body FROM notes WHERE id IN (%s, %s)", (OFFSET + 1, OFFSET + 2)), [(OFFSET + 1, "kept")])


@check
def error_in_transaction():
    with connect() as connection:
        for sql, code in (("INSERT INTO notes (id, body) VALUES (0, 'twice')", "23505"), ("SELECT 1 AS one", "25P02")):
            try:
                connection.execute(sql)
                raise AssertionError(f"{sql} went through")
            except psycopg.Error as error:
                equal(error.sqlstate, code)
        connection.rollback()
        equal(rows(connection, "SELECT 1 AS one"), [(1,)])


@check
def rows_100k():
    with connect("bulk") as connection:
        found = rows(connection, "SELECT id, email FROM customers ORDER BY id")
        equal(len(found), 100_000)
        masked_email(found[41][1])


@check
def portal():
    with connect("bulk") as connection, connection.cursor("steps", binary=BINARY) as cursor:
        cursor.execute("SELECT id, email FROM customers ORDER BY id")
        equal(len(cursor.fetchmany(41)), 41)
        masked_email(cursor.fetchmany(1)[0][1])
        equal(len(cursor.fetchall()), 100_000 - 42)


@check
def cancel():
    with connect(autocommit=True) as connection:
        timer = threading.Timer(0.5, connection.cancel_safe)
        timer.start()
        try:
            connection.execute(ENDLESS)
            raise AssertionError("not cancelled")
        except psycopg.errors.QueryCanceled:
            pass
        timer.join()
        equal(rows(connection, "SELECT 1 AS one"), [(1,)])


@check
def copy_out():
    form = "(FORMAT binary)" if BINARY else ""
    with connect("bulk") as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT id, email FROM customers WHERE id <= 1000 ORDER BY id) TO STDOUT {form}") as copy:
            copy.set_types(["int8", "text"])
            found = list(copy.rows())
    equal(len(found), 1000)
    if BINARY:
        masked_email(found[41][1])
    else:
        equal(str(found[41][0]), "42")
        masked_email(found[41][1])


@check
def copy_in():
    form = "(FORMAT binary)" if BINARY else ""
    first = OFFSET + 1000
    with connect("bulk") as connection:
        with connection.cursor() as cursor, cursor.copy(f"COPY notes (id, body) FROM STDIN {form}") as copy:
            copy.set_types(["int8", "text"])
            for number in range(500):
                copy.write_row((first + number, f"note {number}"))
        connection.commit()
        equal(rows(connection, "SELECT count(*) FROM notes WHERE id BETWEEN %s AND %s", (first, first + 499)), [(500,)])


@check
def hold_approved():
    with connect(autocommit=True) as connection:
        equal(connection.execute(f"DROP TABLE approve_me_{TAG}").statusmessage, "DROP TABLE")


@check
def hold_approved_rows():
    with connect() as connection:
        found = rows(connection, "SELECT id, email FROM customers WHERE id <= %s ORDER BY id", (100_000,))
        equal(len(found), 100_000)
        masked_email(found[41][1])


@check
def hold_denied():
    refused("42501", "approval denied [apr_", DENIAL, sql=f"DROP TABLE deny_me_{TAG}")


@check
def hold_expired():
    refused("55000", "approval expired [apr_", role="hasty", sql=f"DROP TABLE expire_me_{TAG}")


@check
def hold_cancelled():
    with connect(autocommit=True) as connection:
        timer = threading.Timer(0.5, connection.cancel_safe)
        timer.start()
        try:
            connection.execute(f"DROP TABLE leave_me_{TAG}")
            raise AssertionError("not cancelled")
        except psycopg.errors.QueryCanceled:
            pass
        timer.join()
        equal(rows(connection, "SELECT 1 AS one"), [(1,)])


run_all(lambda function: function())
