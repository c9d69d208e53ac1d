"""aiomysql, driven by one event loop for each connection, so that another may interrupt it."""

import asyncio
import ssl

import aiomysql
import pymysql
from mysql_suite import *  # noqa: F403


class Blocking:
    """A connection and the loop that it lives in."""

    def __init__(self, **settings):
        self.loop = asyncio.new_event_loop()
        self.inner = self.wait(aiomysql.connect(**settings))

    def wait(self, work):
        return self.loop.run_until_complete(work)

    def commit(self):
        self.wait(self.inner.commit())

    def rollback(self):
        self.wait(self.inner.rollback())

    def close(self):
        self.wait(self.inner.ensure_closed())
        self.loop.close()


class AioMySql(Driver):
    Error = pymysql.err.MySQLError

    def connect(self, role="agent", autocommit=True):
        user, password = login(role)
        tls = ssl.create_default_context(cafile=CA) if TLS else None
        return Blocking(host=HOST, port=int(PORT), user=user, password=password, db=DATABASE, autocommit=autocommit, charset="utf8mb4",
                        client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS, ssl=tls)

    def rows(self, connection, sql, parameters=None):
        return self.results(connection, sql, parameters)[-1]

    def results(self, connection, sql, parameters=None):
        async def work():
            async with connection.inner.cursor() as cursor:
                await cursor.execute(sql, parameters)
                found = [await cursor.fetchall()]
                while await cursor.nextset():
                    found.append(await cursor.fetchall())
                return found

        return connection.wait(work())

    def stream(self, connection, sql):
        async def begin():
            cursor = await connection.inner.cursor(aiomysql.SSCursor)
            await cursor.execute(sql)
            return cursor

        cursor = connection.wait(begin())
        while many := connection.wait(cursor.fetchmany(1000)):
            yield from many
        connection.wait(cursor.close())

    def thread_id(self, connection):
        return connection.inner.thread_id()


run(AioMySql())
