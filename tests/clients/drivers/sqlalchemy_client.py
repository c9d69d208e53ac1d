"""SQLAlchemy over psycopg: engine, pool, Core, and the reflection that agents' toolkits rely on."""

import threading

import sqlalchemy as sa
from checks import *  # noqa: F403 - the one place where the facts of the shop stand
from sqlalchemy import text

ENGINES = {}


def engine(role="agent"):
    if role not in ENGINES:
        parameters = libpq(role)
        url = sa.URL.create("postgresql+psycopg", username=parameters.pop("user"), password=parameters.pop("password"),
                            host=parameters.pop("host"), port=int(parameters.pop("port")), database=parameters.pop("dbname"))
        ENGINES[role] = sa.create_engine(url, connect_args=parameters, pool_size=2, pool_pre_ping=True)
    return ENGINES[role]


def code_of(error):
    return error.orig.sqlstate


@check
def query():
    with engine().connect() as connection:
        row = connection.execute(text("SELECT id, status, total, placed_at FROM orders WHERE id = 1")).one()
        equal(tuple(row), FIRST_ORDER)


@check
def parameters():
    with engine().connect() as connection:
        sql = text("SELECT id, status, total, placed_at FROM orders WHERE id = :id AND status = :status")
        equal(tuple(connection.execute(sql, {"id": 1, "status": "paid"}).one()), FIRST_ORDER)


@check
def masked():
    customers = sa.table("customers", sa.column("id"), sa.column("email"))
    with engine().connect() as connection:
        masked_email(connection.execute(sa.select(customers.c.email).where(customers.c.id == 42)).scalar_one())


@check
def prepared_reuse():
    with engine().connect() as connection:
        for number in range(1, 31):
            equal(connection.execute(text("SELECT total FROM orders WHERE id = :id"), {"id": number}).scalar_one(), order_total(number))


@check
def reflection():
    columns = {column["name"] for column in sa.inspect(engine()).get_columns("orders")}
    equal(columns, {"id", "customer_id", "status", "total", "placed_at"})
    equal(sa.inspect(engine()).get_pk_constraint("orders")["constrained_columns"], ["id"])


@check
def transaction():
    insert = text("INSERT INTO notes (id, body) VALUES (:id, :body)")
    with engine().begin() as connection:
        connection.execute(insert, {"id": OFFSET + 1, "body": "kept"})
    with engine().connect() as connection:
        connection.execute(insert, {"id": OFFSET + 2, "body": "dropped"})
        connection.rollback()
        found = connection.execute(text("SELECT id FROM notes WHERE id IN (:a, :b)"), {"a": OFFSET + 1, "b": OFFSET + 2})
        equal(found.scalars().all(), [OFFSET + 1])


@check
def error_in_transaction():
    with engine().connect() as connection:
        for sql, code in (("INSERT INTO notes (id, body) VALUES (0, 'twice')", "23505"), ("SELECT 1 AS one", "25P02")):
            try:
                connection.execute(text(sql))
                raise AssertionError(f"{sql} went through")
            except sa.exc.DBAPIError as error:
                equal(code_of(error), code)
        connection.rollback()
        equal(connection.execute(text("SELECT 1 AS one")).scalar_one(), 1)


@check
def rows_100k():
    with engine("bulk").connect() as connection:
        found = connection.execute(text("SELECT id, email FROM customers ORDER BY id")).all()
        equal(len(found), 100_000)
        masked_email(found[41].email)


@check
def portal():
    with engine("bulk").connect().execution_options(stream_results=True, max_row_buffer=500) as connection:
        found = list(connection.execute(text("SELECT id, email FROM customers ORDER BY id")))
        equal(len(found), 100_000)
        masked_email(found[41].email)


def cancelled(sql):
    with engine().connect() as connection:
        timer = threading.Timer(0.5, connection.connection.driver_connection.cancel_safe)
        timer.start()
        try:
            connection.execute(text(sql))
            raise AssertionError("not cancelled")
        except sa.exc.DBAPIError as error:
            equal(code_of(error), "57014")
        timer.join()
        connection.rollback()
        equal(connection.execute(text("SELECT 1 AS one")).scalar_one(), 1)


@check
def cancel():
    cancelled(ENDLESS)


@check
def hold_approved():
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP TABLE approve_me_{TAG}"))


@check
def hold_approved_rows():
    with engine().connect() as connection:
        found = connection.execute(text("SELECT id, email FROM customers WHERE id <= :id ORDER BY id"), {"id": 100_000}).all()
        equal(len(found), 100_000)
        masked_email(found[41].email)


def refused(role, sql, code, *parts):
    with engine(role).connect() as connection:
        try:
            connection.execute(text(sql))
            raise AssertionError("not refused")
        except sa.exc.DBAPIError as error:
            equal(code_of(error), code)
            contains(str(error), *parts)
            expect(not error.connection_invalidated, "the pool keeps the connection")
        connection.rollback()
        equal(connection.execute(text("SELECT 1 AS one")).scalar_one(), 1)


@check
def hold_denied():
    refused("agent", f"DROP TABLE deny_me_{TAG}", "42501", "approval denied [apr_", DENIAL)


@check
def hold_expired():
    refused("hasty", f"DROP TABLE expire_me_{TAG}", "55000", "approval expired [apr_")


@check
def hold_cancelled():
    cancelled(f"DROP TABLE leave_me_{TAG}")


run_all(lambda function: function())
