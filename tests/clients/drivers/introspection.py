"""What drivers and tools ask the catalogs of their own accord, under the shipped rules: none of it may be held."""

import asyncio
import subprocess

import asyncpg
import psycopg
import sqlalchemy as sa
from checks import *  # noqa: F403 - the one place where the facts of the shop stand

DESCRIBES = ["\\d", "\\d+", "\\d orders", "\\d+ orders", "\\d kinds_id_seq", "\\dt", "\\dt *.*", "\\di+", "\\dv", "\\ds", "\\dm", "\\df", "\\df+ *",
             "\\dn+", "\\du", "\\dT+", "\\dx", "\\dp", "\\l", "\\dC", "\\dD", "\\do", "\\dF", "\\db", "\\des", "\\dP", "\\sf shorter"]


def psql(command):
    parameters = libpq()
    dsn = " ".join(f"{name}={value}" for name, value in parameters.items())
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", dsn], input=command + "\n", capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f"{command}: {done.stderr.strip()}")
    return done.stdout


@check
def psql_describes():
    failed = []
    for command in DESCRIBES:
        try:
            psql(command)
        except AssertionError as cause:
            failed.append(str(cause))
    equal(failed, [])
    contains(psql("\\d orders"), "customer_id|bigint||not null")
    contains(psql("\\di"), "orders_pkey")


@check
def psycopg_registers_types():
    with psycopg.connect(**libpq()) as connection:
        equal(list(psycopg.types.enum.EnumInfo.fetch(connection, "mood").labels), ["glad", "sad"])
        equal(list(psycopg.types.composite.CompositeInfo.fetch(connection, "place").field_names), ["street", "town"])
        expect(psycopg.types.TypeInfo.fetch(connection, "citext_like") is not None, "a domain is found")
        expect(psycopg.types.range.RangeInfo.fetch(connection, "int4range") is not None, "a range is found")


async def asyncpg_types():
    user, password = login()
    connection = await asyncpg.connect(host=HOST, port=PORT, database=DATABASE, user=user, password=password, ssl="prefer" if TLS else False)
    try:
        row = await connection.fetchrow("SELECT id, mood, place, moods, label FROM kinds WHERE id = 1")
        equal((row["mood"], tuple(row["place"]), row["moods"], row["label"]), ("glad", ("Main", "Ulm"), ["sad", "glad"], "one"))
        await connection.set_type_codec("mood", encoder=str, decoder=str.upper, schema="public", format="text")
        equal(await connection.fetchval("SELECT mood FROM kinds WHERE id = $1", 1), "GLAD")
    finally:
        await connection.close()


@check
def asyncpg_introspects_types():
    asyncio.run(asyncio.wait_for(asyncpg_types(), 60))


def inspector():
    parameters = libpq()
    url = sa.URL.create("postgresql+psycopg", username=parameters.pop("user"), password=parameters.pop("password"),
                        host=parameters.pop("host"), port=int(parameters.pop("port")), database=parameters.pop("dbname"))
    engine = sa.create_engine(url, connect_args=parameters)
    return engine, sa.inspect(engine)


@check
def sqlalchemy_inspects():
    _, found = inspector()
    expect({"customers", "orders", "kinds"} <= set(found.get_table_names()), "tables are found")
    contains(found.get_view_definition("open_orders"), "orders")
    equal({enum["name"] for enum in found.get_enums()}, {"mood"})
    for ask in ("get_multi_columns", "get_multi_pk_constraint", "get_multi_foreign_keys", "get_multi_indexes", "get_multi_unique_constraints",
                "get_multi_check_constraints", "get_multi_table_comment", "get_multi_table_options"):
        expect(getattr(found, ask)(schema="public", kind=sa.engine.reflection.ObjectKind.ANY) is not None, ask)
    for ask in ("get_schema_names", "get_view_names", "get_materialized_view_names", "get_sequence_names", "get_temp_table_names", "get_domains"):
        expect(getattr(found, ask)() is not None, ask)
    equal(found.get_foreign_keys("orders")[0]["referred_table"], "customers")


@check
def sqlalchemy_reflects_all_tables():
    engine, _ = inspector()
    tables = sa.MetaData()
    tables.reflect(engine, views=True)
    equal([column.name for column in tables.tables["orders"].primary_key], ["id"])


@check
def information_schema():
    with psycopg.connect(**libpq()) as connection:
        sql = "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"
        equal(connection.execute(sql, ("public", "orders")).fetchone(), ("id", "bigint", "NO"))
        keys = """SELECT tc.constraint_type, kcu.column_name FROM information_schema.table_constraints tc
                  JOIN information_schema.key_column_usage kcu USING (constraint_schema, constraint_name) WHERE tc.table_name = 'orders'"""
        expect(("PRIMARY KEY", "id") in connection.execute(keys).fetchall(), "the primary key is found")


run_all(lambda function: function())
