"""PyMySQL."""

import pymysql
import pymysql.cursors
from mysql_suite import *  # noqa: F403


class PyMySql(Driver):
    Error = pymysql.err.MySQLError

    def connect(self, role="agent", autocommit=True):
        user, password = login(role)
        tls = {"ssl_ca": CA, "ssl_verify_cert": True, "ssl_verify_identity": True} if TLS else {"ssl_disabled": True}
        return pymysql.connect(host=HOST, port=int(PORT), user=user, password=password, database=DATABASE, autocommit=autocommit,
                               charset="utf8mb4", client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS, max_allowed_packet=64 << 20, **tls)

    def rows(self, connection, sql, parameters=None):
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()

    def stream(self, connection, sql):
        with connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(sql)
            yield from cursor.fetchall_unbuffered()

    def results(self, connection, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
            return found

    def thread_id(self, connection):
        return connection.thread_id()


run(PyMySql())
