"""The checks that every Python driver for MySQL goes through, written once. A driver's script says how it does each step."""

import os
import threading
from datetime import datetime

from checks import *  # noqa: F403 - the one place where the facts of the shop stand

SERVER = os.environ["HP_SERVER"]
"""`mariadb` or `mysql`: what stands behind."""
BIG = 17 * 1024 * 1024
"""More than one packet holds."""
ORDER = (1, "paid", order_total(1), datetime(2024, 1, 1, 0, 5))
INTERRUPTED, HELD = 1317, 1644
# MySQL counts the rows of a product without making them.
ENDLESS = "SELECT sum(a.id % 7 + b.id % 5 + c.id % 3) FROM customers a, customers b, customers c"


class Driver:
    """What a script must provide. Rows are sequences of tuples."""

    Error = Exception

    def connect(self, role="agent", autocommit=True):
        """A connection to the shop, over TLS if the run is over TLS."""
        raise NotImplementedError

    def rows(self, connection, sql, parameters=None):
        """Runs one statement; its rows, or none."""
        raise NotImplementedError

    def prepared(self, connection, sql, sets):
        """Runs one prepared statement in binary form once for each set of parameters; `None` if the driver has none."""
        return None

    def stream(self, connection, sql):
        """The rows of a statement one by one, without the whole in memory."""
        raise NotImplementedError

    def results(self, connection, sql):
        """The rows of every result of a text."""
        raise NotImplementedError

    def thread_id(self, connection):
        """The id that `KILL` takes."""
        raise NotImplementedError

    def state(self, error):
        """Number, SQLSTATE (`None` if the driver hides it) and text of an error."""
        return error.args[0], None, str(error.args[1])


class opened:
    """A connection that is closed at the end, also if the driver's own are no context managers."""

    def __init__(self, driver, role="agent", autocommit=True):
        self.connection = driver.connect(role, autocommit)

    def __enter__(self):
        return self.connection

    def __exit__(self, *_):
        self.connection.close()


def tuples(rows):
    return [tuple(row) for row in rows]


def run(driver):
    """Runs all checks with this driver and ends the program."""

    def rows(connection, sql, parameters=None):
        return tuples(driver.rows(connection, sql, parameters))

    def fails(connection, number, sql, *parts):
        try:
            driver.rows(connection, sql)
        except driver.Error as error:
            found, state, text = driver.state(error)
            equal(found, number)
            contains(text, *parts)
            if number == HELD:
                expect("\n" not in text and state in (None, "45000"), f"one line with SQLSTATE 45000, not {state}: {text!r}")
        else:
            raise AssertionError(f"not refused: {sql}")
        equal(rows(connection, "SELECT 1 AS one"), [(1,)])

    def interrupted(sql):
        """A statement ended by `KILL QUERY` from another connection of the same agent."""
        with opened(driver) as connection, opened(driver) as other:
            thread = driver.thread_id(connection)
            timer = threading.Timer(0.7, lambda: driver.rows(other, f"KILL QUERY {thread}"))
            timer.start()
            try:
                fails(connection, INTERRUPTED, sql)
            finally:
                timer.join()

    @check
    def query():
        with opened(driver) as connection:
            equal(rows(connection, "SELECT id, status, total, placed_at FROM orders WHERE id = 1"), [ORDER])

    @check
    def parameters():
        with opened(driver) as connection:
            found = rows(connection, "SELECT id, status, total, placed_at FROM orders WHERE id = %s AND status = %s", (1, "paid"))
            equal(found, [ORDER])
            equal(rows(connection, "SELECT count(*) FROM orders WHERE id = %s", (None,)), [(0,)])

    @check
    def masked():
        with opened(driver) as connection:
            masked_email(rows(connection, "SELECT email FROM customers WHERE id = %s", (42,))[0][0])
            masked_email(rows(connection, "SELECT email FROM customers WHERE id = 42")[0][0])

    @check
    def prepared_reuse():
        with opened(driver) as connection:
            numbers = range(1, 31)
            found = driver.prepared(connection, "SELECT total FROM orders WHERE id = %s", [(number,) for number in numbers])
            if found is None:
                # No binary protocol here: prepared by name, with user variables.
                rows(connection, "PREPARE total FROM 'SELECT total FROM orders WHERE id = ?'")
                found = []
                for number in numbers:
                    rows(connection, "SET @id = %s", (number,))
                    found.append(rows(connection, "EXECUTE total USING @id"))
                rows(connection, "DEALLOCATE PREPARE total")
            equal([tuples(one) for one in found], [[(order_total(number),)] for number in numbers])

    @check
    def prepared_masked():
        with opened(driver) as connection:
            found = driver.prepared(connection, "SELECT email FROM customers WHERE id = %s", [(42,)] * 3)
            for one in found or []:
                masked_email(one[0][0])

    @check
    def transaction():
        with opened(driver, autocommit=False) as connection:
            insert = "INSERT INTO notes (id, body) VALUES (%s, %s)"
            rows(connection, insert, (OFFSET + 1, "kept"))
            connection.commit()
            rows(connection, insert, (OFFSET + 2, "dropped"))
            connection.rollback()
            found = rows(connection, "SELECT id, body FROM notes WHERE id IN (%s, %s)", (OFFSET + 1, OFFSET + 2))
            equal(found, [(OFFSET + 1, "kept")])

    @check
    def error_in_transaction():
        with opened(driver, autocommit=False) as connection:
            rows(connection, "INSERT INTO notes (id, body) VALUES (%s, 'before')", (OFFSET + 3,))
            fails(connection, 1062, "INSERT INTO notes (id, body) VALUES (0, 'twice')")
            fails(connection, 1146, "SELECT 1 FROM nowhere_to_be_found" if DIRECT else "SELECT id FROM missing_table")
            connection.commit()
            equal(rows(connection, "SELECT body FROM notes WHERE id = %s", (OFFSET + 3,)), [("before",)])

    @check
    def rows_100k():
        with opened(driver, "bulk") as connection:
            found = rows(connection, "SELECT id, email FROM customers ORDER BY id")
            equal(len(found), 100_000)
            masked_email(found[41][1])

    @check
    def streamed():
        with opened(driver, "bulk") as connection:
            count = 0
            for number, email in driver.stream(connection, "SELECT id, email FROM customers ORDER BY id"):
                count += 1
                if number == 42:
                    masked_email(email)
            equal(count, 100_000)
            equal(rows(connection, "SELECT 1 AS one"), [(1,)])

    @check
    def multi_result():
        with opened(driver) as connection:
            found = driver.results(connection, "SELECT 1 AS one; SELECT email FROM customers WHERE id = 42; SELECT 3 AS three")
            equal([len(one) for one in found], [1, 1, 1])
            equal((found[0][0][0], found[2][0][0]), (1, 3))
            masked_email(found[1][0][0])
            equal(rows(connection, "SELECT 1 AS one"), [(1,)])

    @check
    def call():
        with opened(driver) as connection:
            found = driver.results(connection, f"CALL approve_me_{TAG}_twice()")
            # Nobody can see into a procedure, so what it shows is masked whole.
            equal([tuples(one) for one in found if one], [[(1,)], [(2,)]] if DIRECT else [[(None,)], [(None,)]])
            equal(rows(connection, "SELECT 1 AS one"), [(1,)])

    @check
    def big_packets():
        # A text of this length is not read, so it is held, and what it gives is masked whole.
        with opened(driver, "bulk") as connection:
            equal(rows(connection, "SELECT length(%s)", ("x" * BIG,)), [(BIG if DIRECT else None,)])
            found = rows(connection, f"SELECT repeat('y', {BIG})")
            text = found[0][0]
            equal(len(text), BIG)
            expect(text in ("y" * BIG, b"y" * BIG), "the text is what was asked for")

    @check
    def changed_settings():
        with opened(driver) as connection:
            rows(connection, "SET NAMES utf8mb4")
            equal(rows(connection, "SELECT 'äöü€😀' AS text"), [("äöü€😀",)])

    @check
    def cancel():
        interrupted(ENDLESS)

    @check
    def hold_approved():
        with opened(driver) as connection:
            rows(connection, f"DROP TABLE approve_me_{TAG}")
            equal(rows(connection, "SELECT 1 AS one"), [(1,)])

    @check
    def hold_approved_rows():
        with opened(driver) as connection:
            found = rows(connection, "SELECT id, email FROM customers WHERE id <= %s ORDER BY id", (100_000,))
            equal(len(found), 100_000)
            masked_email(found[41][1])

    @check
    def hold_denied():
        with opened(driver) as connection:
            fails(connection, HELD, f"DROP TABLE deny_me_{TAG}", "approval denied [apr_", DENIAL)

    @check
    def hold_expired():
        with opened(driver, "hasty") as connection:
            fails(connection, HELD, f"DROP TABLE expire_me_{TAG}", "approval expired [apr_")

    @check
    def hold_cancelled():
        interrupted(f"DROP TABLE leave_me_{TAG}")

    run_all(lambda function: function())
