"""asyncpg: binary format, its own statement cache and its own pool."""

import asyncio
import ssl

import asyncpg
from checks import *  # noqa: F403 - the one place where the facts of the shop stand


def settings(role):
    user, password = login(role)
    context = ssl.create_default_context(cafile=CA) if TLS else False
    return {"host": HOST, "port": int(PORT), "database": DATABASE, "user": user, "password": password, "ssl": context, "timeout": 10}


class connected:
    """A connection for the length of a block."""

    def __init__(self, role="agent"):
        self.role = role

    async def __aenter__(self):
        self.connection = await asyncpg.connect(**settings(self.role))
        return self.connection

    async def __aexit__(self, *_):
        await self.connection.close(timeout=10)


async def fails(work, code):
    try:
        await work
    except asyncpg.PostgresError as error:
        equal(error.sqlstate, code)
        return str(error)
    raise AssertionError(f"no error {code}")


@check
async def query():
    async with connected() as connection:
        row = await connection.fetchrow("SELECT id, status, total, placed_at FROM orders WHERE id = 1")
        equal(tuple(row), FIRST_ORDER)
        equal(await connection.execute("SELECT 1 AS one"), "SELECT 1")


@check
async def parameters():
    async with connected() as connection:
        row = await connection.fetchrow("SELECT id, status, total, placed_at FROM orders WHERE id = $1 AND status = $2", 1, "paid")
        equal(tuple(row), FIRST_ORDER)


@check
async def masked():
    async with connected() as connection:
        masked_email(await connection.fetchval("SELECT email FROM customers WHERE id = $1", 42))


@check
async def prepared_reuse():
    async with connected() as connection:
        statement = await connection.prepare("SELECT total FROM orders WHERE id = $1")
        for number in range(1, 31):
            equal(await statement.fetchval(number), order_total(number))


@check
async def transaction():
    async with connected() as connection:
        async with connection.transaction():
            await connection.execute("INSERT INTO notes (id, body) VALUES ($1, $2)", OFFSET + 1, "kept")
        undone = connection.transaction()
        await undone.start()
        await connection.execute("INSERT INTO notes (id, body) VALUES ($1, $2)", OFFSET + 2, "dropped")
        await undone.rollback()
        found = await connection.fetch("SELECT id FROM notes WHERE id IN ($1, $2)", OFFSET + 1, OFFSET + 2)
        equal([row["id"] for row in found], [OFFSET + 1])


@check
async def error_in_transaction():
    async with connected() as connection:
        undone = connection.transaction()
        await undone.start()
        await fails(connection.execute("INSERT INTO notes (id, body) VALUES ($1, $2)", 0, "twice"), "23505")
        await fails(connection.fetchval("SELECT 1 AS one"), "25P02")
        await undone.rollback()
        equal(await connection.fetchval("SELECT 1 AS one"), 1)


@check
async def pool():
    user_settings = settings("agent")
    async with asyncpg.create_pool(**user_settings, min_size=1, max_size=2) as connections:
        for number in range(1, 6):
            equal(await connections.fetchval("SELECT total FROM orders WHERE id = $1", number), order_total(number))


@check
async def rows_100k():
    async with connected("bulk") as connection:
        found = await connection.fetch("SELECT id, email FROM customers ORDER BY id")
        equal(len(found), 100_000)
        masked_email(found[41]["email"])


@check
async def portal():
    async with connected("bulk") as connection, connection.transaction():
        found = [row async for row in connection.cursor("SELECT id, email FROM customers ORDER BY id", prefetch=700)]
        equal(len(found), 100_000)
        masked_email(found[41]["email"])


@check
async def cancel():
    async with connected() as connection:
        try:
            await connection.fetchval(ENDLESS, timeout=0.5)
            raise AssertionError("not cancelled")
        except asyncio.TimeoutError:
            pass
        equal(await connection.fetchval("SELECT 1 AS one"), 1)


@check
async def copy_out():
    received = bytearray()

    async def keep(data):
        received.extend(data)

    async with connected("bulk") as connection:
        done = await connection.copy_from_query("SELECT id, email FROM customers WHERE id <= 1000 ORDER BY id", output=keep)
        equal(done, "COPY 1000")
    lines = received.decode().splitlines()
    equal(len(lines), 1000)
    masked_email(lines[41].split("\t")[1])


@check
async def copy_in():
    first = OFFSET + 1000
    async with connected("bulk") as connection:
        records = [(first + number, f"note {number}") for number in range(500)]
        equal(await connection.copy_records_to_table("notes", records=records, columns=["id", "body"]), "COPY 500")
        equal(await connection.fetchval("SELECT count(*) FROM notes WHERE id BETWEEN $1 AND $2", first, first + 499), 500)


@check
async def hold_approved():
    async with connected() as connection:
        equal(await connection.execute(f"DROP TABLE approve_me_{TAG}"), "DROP TABLE")


@check
async def hold_approved_rows():
    async with connected() as connection:
        found = await connection.fetch("SELECT id, email FROM customers WHERE id <= $1 ORDER BY id", 100_000)
        equal(len(found), 100_000)
        masked_email(found[41]["email"])


@check
async def hold_denied():
    async with connected() as connection:
        contains(await fails(connection.execute(f"DROP TABLE deny_me_{TAG}"), "42501"), "approval denied [apr_", DENIAL)
        equal(await connection.fetchval("SELECT 1 AS one"), 1)


@check
async def hold_expired():
    async with connected("hasty") as connection:
        contains(await fails(connection.execute(f"DROP TABLE expire_me_{TAG}"), "55000"), "approval expired [apr_")
        equal(await connection.fetchval("SELECT 1 AS one"), 1)


@check
async def hold_cancelled():
    async with connected() as connection:
        try:
            await connection.execute(f"DROP TABLE leave_me_{TAG}", timeout=0.5)
            raise AssertionError("not cancelled")
        except asyncio.TimeoutError:
            pass
        equal(await connection.fetchval("SELECT 1 AS one"), 1)


run_all(lambda function: asyncio.run(asyncio.wait_for(function(), 120)))
