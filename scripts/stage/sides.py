"""The two sides of the demo: a server with the sample shop, the command line client an agent uses, and what only that server knows."""

import glob
import os
import subprocess

from cluster import Cluster
from mysql_server import MySqlServer
from proxy import ROOT, split_dsn

DATABASE, OWNER = "shop", "shop_app"


def sample(name):
    with open(os.path.join(ROOT, "scripts", name), encoding="utf-8") as file:
        return file.read()


class PostgresSide:
    """PostgreSQL, and psql."""

    name, client, protocol = "PostgreSQL", "psql", "postgres"
    port = 6432
    """Where clients of the demo connect, if it is free."""
    separator = "|"
    """Between two values of a printed row."""

    def __init__(self, directory):
        self.server = Cluster(directory)
        self.password = os.urandom(12).hex()

    def start(self):
        self.server.start()
        self.server.create(DATABASE, OWNER, self.password)
        self.server.psql(database=DATABASE, user=OWNER, password=self.password, stdin=sample("demo.sql"))

    def truth(self, sql):
        """What the database itself says, asked directly."""
        return self.server.psql("-c", sql, database=DATABASE, user=OWNER, password=self.password).strip()

    def at_work(self):
        """How many statements the proxied account runs, and how many locks it holds."""
        others = f"usename = '{OWNER}' AND pid <> pg_backend_pid()"
        running = self.truth(f"SELECT count(*) FROM pg_stat_activity WHERE {others} AND state <> 'idle'")
        locks = self.truth(f"SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE {others}")
        return int(running), int(locks)

    def command(self, dsn):
        """The client with nothing but a DSN, and the variables it needs; the statement goes last."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return ["psql", "-X", dsn, "-At", "-c"], kept

    def shown(self, sql):
        """The command in the story's words."""
        return f"psql \"$DSN\" -c '{sql}'"

    def line(self, dsn, sql):
        """The command as somebody can paste it."""
        return f"psql '{dsn}' -c '{sql}'"


class MariaDbSide:
    """MariaDB, and its own client, both unpacked by scripts/setup. Each method means what it means for PostgreSQL."""

    name, client, protocol = "MariaDB", "mariadb", "mysql"
    port = 6033
    separator = "\t"

    def __init__(self, directory):
        self.server = MySqlServer(directory, "mariadb")
        self.password = os.urandom(12).hex()

    def start(self):
        self.server.start()
        self.server.create(DATABASE, OWNER, self.password)
        self.server.sql(database=DATABASE, user=OWNER, password=self.password, stdin=sample("demo_mysql.sql"))
        # Off by default, and `at_work` counts what it records: without it, no metadata lock would ever be seen.
        self.server.sql("UPDATE performance_schema.setup_instruments SET enabled = 'YES' WHERE name = 'wait/lock/metadata/sql/mdl'")

    def truth(self, sql):
        return self.server.sql(sql, database=DATABASE, user=OWNER, password=self.password).strip()

    def at_work(self):
        running = self.server.sql(f"SELECT count(*) FROM information_schema.processlist WHERE user = '{OWNER}' AND command <> 'Sleep'")
        metadata = self.server.sql(f"SELECT count(*) FROM performance_schema.metadata_locks WHERE object_schema = '{DATABASE}'")
        transactions = self.server.sql("SELECT count(*) FROM information_schema.innodb_trx")
        return int(running), int(metadata) + int(transactions)

    def words(self, dsn):
        parts = split_dsn(dsn)
        # The library's plugins lie beside the unpacked client, not where it would look for them.
        plugins = glob.glob(os.path.join(self.server.root, "usr", "lib", "*", "libmariadb3", "plugin"))
        return [self.server.program("mariadb"), "--no-defaults", "--protocol=tcp", *(f"--plugin-dir={folder}" for folder in plugins[:1]),
                "-h", parts["host"], "-P", str(parts["port"]), "-u", parts["user"], parts["database"]], parts["password"]

    def command(self, dsn):
        words, password = self.words(dsn)
        return [*words, "--batch", "--skip-column-names", "--raw", "-e"], {**os.environ, "MYSQL_PWD": password}

    def shown(self, sql):
        return f"mariadb -h … -u reporting-bot {DATABASE} -e '{sql}'"

    def line(self, dsn, sql):
        words, password = self.words(dsn)
        return f"MYSQL_PWD='{password}' {' '.join(words)} -e '{sql}'"


def start_client(side, dsn, sql):
    """Starts the client with one statement and returns at once."""
    command, variables = side.command(dsn)
    return subprocess.Popen([*command, sql], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


SIDES = {"postgres": PostgresSide, "mysql": MariaDbSide}
