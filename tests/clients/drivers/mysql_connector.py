"""mysql-connector-python, in Python or over its C extension (first argument: `pure` or `c`)."""

import sys

PURE = sys.argv[1] == "pure"
if not PURE:
    # First of all: it brings an OpenSSL of its own, which Python's `ssl` can use, too, but not the other way round.
    import _mysql_connector  # noqa: F401

import mysql.connector  # noqa: E402
from mysql_suite import *  # noqa: F403, E402


class Connector(Driver):
    Error = mysql.connector.Error

    def connect(self, role="agent", autocommit=True):
        user, password = login(role)
        tls = {"ssl_ca": CA, "ssl_verify_cert": True, "ssl_verify_identity": True} if TLS else {"ssl_disabled": True}
        return mysql.connector.connect(host=HOST, port=int(PORT), user=user, password=password, database=DATABASE, autocommit=autocommit,
                                       use_pure=PURE, charset="utf8mb4", collation="utf8mb4_general_ci", **tls)

    def rows(self, connection, sql, parameters=None):
        cursor = connection.cursor()
        cursor.execute(sql, parameters or ())
        found = cursor.fetchall() if cursor.with_rows else []
        cursor.close()
        return found

    def prepared(self, connection, sql, sets):
        cursor = connection.cursor(prepared=True)
        found = []
        for parameters in sets:
            cursor.execute(sql, parameters)
            found.append(cursor.fetchall())
        cursor.close()
        return found

    def stream(self, connection, sql):
        cursor = connection.cursor(buffered=False)
        cursor.execute(sql)
        yield from cursor
        cursor.close()

    def results(self, connection, sql):
        cursor = connection.cursor()
        cursor.execute(sql)
        found = [cursor.fetchall() if cursor.with_rows else []]
        while cursor.nextset():
            found.append(cursor.fetchall() if cursor.with_rows else [])
        cursor.close()
        return found

    def thread_id(self, connection):
        return connection.connection_id

    def state(self, error):
        return error.errno, error.sqlstate, error.msg


run(Connector())
