"""mysqlclient, over MariaDB's C library."""

import MySQLdb
import MySQLdb.cursors
from mysql_suite import *  # noqa: F403


class MySqlClient(Driver):
    Error = MySQLdb.MySQLError

    def connect(self, role="agent", autocommit=True):
        user, password = login(role)
        tls = {"ssl": {"ca": CA}, "ssl_mode": "VERIFY_IDENTITY"} if TLS else {"ssl_mode": "DISABLED"}
        return MySQLdb.connect(host=HOST, port=int(PORT), user=user, password=password, database=DATABASE, autocommit=autocommit,
                               charset="utf8mb4", **tls)

    def rows(self, connection, sql, parameters=None):
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()

    def stream(self, connection, sql):
        with connection.cursor(MySQLdb.cursors.SSCursor) as cursor:
            cursor.execute(sql)
            while row := cursor.fetchone():
                yield row

    def results(self, connection, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
            return found

    def thread_id(self, connection):
        return connection.thread_id()


run(MySqlClient())
