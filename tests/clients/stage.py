"""The stage for the driver tests: a server with the sample shop, and Holdpoint in front of it unless the tests go direct."""

import glob
import os
import shutil
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "stage"))

from cluster import Cluster  # noqa: E402
from mysql_server import MySqlServer, unpacked  # noqa: E402
from proxy import Holdpoint, Refused, split_dsn  # noqa: E402

OWNER, APPROVER = "mia@example.com", "dana@example.com"
PEOPLE = {APPROVER: ["approvers"], OWNER: []}
SHIPPED = ("introspection", "jdbc-metadata")
"""The clients that run under the rules that Holdpoint ships."""
SERVERS = ("postgres", "mariadb", "mysql")
AGENTS = {"agent": "reporting-bot", "bulk": "bulk-bot", "hasty": "hasty-bot"}


# One of every kind of object that drivers look up: enum, composite, domain, array, range, view, function, comment.
KINDS = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TYPE place AS (street text, town text);
CREATE DOMAIN citext_like AS text CHECK (VALUE <> '');
CREATE TABLE kinds (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood, place place, moods mood[], label citext_like, span int4range);
INSERT INTO kinds (mood, place, moods, label, span) VALUES ('glad', ('Main', 'Ulm'), '{sad,glad}', 'one', '[1,5)');
COMMENT ON TABLE kinds IS 'one of every kind';
CREATE VIEW open_orders AS SELECT id, total FROM orders WHERE status = 'open';
CREATE MATERIALIZED VIEW order_counts AS SELECT status, count(*) AS orders FROM orders GROUP BY status;
CREATE FUNCTION shorter(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 10)';
"""


# Two results and the status that a procedure ends with.
TWICE = "DELIMITER //\nCREATE PROCEDURE approve_me_{tag}_twice() BEGIN SELECT 1; SELECT 2; END//\nDELIMITER ;\n"


class Approver(threading.Thread):
    """A person at the HTTP API who reads what is asked, and approves, denies or looks away."""

    def __init__(self, holdpoint, token):
        super().__init__(daemon=True)
        self.holdpoint, self.token = holdpoint, token
        self.over = threading.Event()
        self.decided = {"approve": 0, "deny": 0}
        self.surprises = []

    @staticmethod
    def judge(approval):
        statement = approval["request"]["statements"][0]
        objects = " ".join(statement["objects"])
        # A text too long to be read is shown as that.
        if statement["text"].startswith("CALL approve_me") or statement["summary"].startswith("UNREADABLE"):
            return "approve"
        if "expire_me" in objects or "leave_me" in objects:
            return None
        if "deny_me" in objects:
            return "deny"
        if "approve_me" in objects or objects in ("public.customers", "shop.customers"):
            return "approve"
        return "surprise"

    def run(self):
        known = set()
        while not self.over.is_set():
            try:
                waiting = [approval for approval in self.holdpoint.pending(self.token) if approval["id"] not in known]
            except (OSError, Refused):
                waiting = []
            for approval in waiting:
                known.add(approval["id"])
                self.decide(approval)
            time.sleep(0.1)

    def decide(self, approval):
        verb = self.judge(approval)
        if verb == "surprise":
            # Nothing else was to be held: deny it at once, so that the driver fails with a text instead of a timeout.
            self.surprises.append(approval["request"]["statements"][0])
            verb = "deny"
        if verb is None:
            return
        try:
            reason = "not in the change window" if verb == "deny" else None
            self.holdpoint.decide(approval, verb, self.token, reason)
            self.decided[verb] += 1
        except Refused as refusal:
            self.surprises.append(str(refusal))


class Stage:
    """Starts everything once; every driver run gets tables and ids of its own."""

    def __init__(self, direct, keep=False, server="postgres"):
        self.direct, self.keep, self.server = direct, keep, server
        self.postgres = server == "postgres"
        self.directory = tempfile.mkdtemp(prefix="holdpoint-clients-")
        os.chmod(self.directory, 0o755)
        self.cluster = self.holdpoint = self.shipped = None
        self.approvers = []
        self.runs = 0

    def __enter__(self):
        try:
            return self.build()
        except BaseException:
            self.__exit__()
            raise

    def build(self):
        self.cluster = Cluster(self.directory, tls=True) if self.postgres else MySqlServer(self.directory, self.server, tls=True)
        self.cluster.start()
        self.password = os.urandom(12).hex()
        self.cluster.create("shop", "shop_app", self.password)
        if self.postgres:
            self.cluster.psql("-c", "CREATE DATABASE bench OWNER shop_app")
        else:
            self.cluster.create("bench", "shop_app", self.password)
        with open(os.path.join(ROOT, "scripts", "demo.sql" if self.postgres else "demo_mysql.sql"), encoding="utf-8") as sample:
            self.sql(sample.read())
        if self.postgres:
            self.sql(KINDS)
        self.sql("CREATE TABLE notes (id bigint PRIMARY KEY, body text); INSERT INTO notes VALUES (0, 'once');")
        if self.direct:
            every = {"user": "shop_app", "password": self.password, "host": "127.0.0.1", "port": self.cluster.port, "database": "shop"}
            self.logins = {role: every for role in AGENTS}
            self.bench = {**every, "database": "bench"}
            return self
        databases = {name: (name, "shop_app", self.password) for name in ("shop", "bench")}
        self.holdpoint = Holdpoint(self.directory, self.cluster, databases, PEOPLE, os.path.join(HERE, "rules"), tls=True, protocol=self.protocol())
        self.logins = {role: split_dsn(self.holdpoint.add_agent(name, OWNER, ["shop"])) for role, name in AGENTS.items()}
        self.bench = split_dsn(self.holdpoint.add_agent("pgbench-bot", OWNER, ["bench"]))
        self.serve(self.holdpoint)
        if not self.postgres:
            return self
        apart = os.path.join(self.directory, "shipped")
        os.makedirs(apart)
        self.shipped = Holdpoint(apart, self.cluster, databases, PEOPLE, os.path.join(ROOT, "rules"), tls=True)
        self.logins["shipped"] = split_dsn(self.shipped.add_agent("tools-bot", OWNER, ["shop"]))
        self.serve(self.shipped)
        return self

    def serve(self, holdpoint):
        """Starts one, with an approver of its own."""
        token = holdpoint.add_token(APPROVER, "approvals:read", "approvals:decide")
        holdpoint.start()
        approver = Approver(holdpoint, token)
        approver.start()
        self.approvers.append(approver)

    def protocol(self):
        return "postgres" if self.postgres else "mysql"

    def sql(self, text):
        run = self.cluster.psql if self.postgres else self.cluster.sql
        return run(database="shop", user="shop_app", password=self.password, stdin=text)

    def environment(self, client, tls):
        """The contract with a driver script: where to connect, as whom, and which tables and ids are its own."""
        self.runs += 1
        tag = f"{client}_{'tls' if tls else 'plain'}".replace("-", "_")
        tables = "".join(f"CREATE TABLE {verb}_me_{tag} (id integer); " for verb in ("approve", "deny", "expire", "leave"))
        self.sql(tables if self.postgres else tables + "\n" + TWICE.format(tag=tag))
        logins = {role: self.logins["shipped"] for role in AGENTS} if client in SHIPPED and not self.direct else self.logins
        agent = logins["agent"]
        roles = {}
        for role, login in logins.items():
            roles[f"HP_{role.upper()}_USER"], roles[f"HP_{role.upper()}_PASSWORD"] = login["user"], login["password"]
        # MySQL's clients take `localhost` for a Unix socket; the certificate names the address, too.
        host = "localhost" if tls and self.postgres else "127.0.0.1"
        return {
            **os.environ, **roles, **self.programs(), "HP_SERVER": self.server, "HP_DIRECT": "1" if self.direct else "0", "HP_TLS": "1" if tls else "0", "HP_CA": self.cluster.ca,
            "HP_HOST": host, "HP_PORT": str(agent["port"]), "HP_DATABASE": agent["database"],
            "HP_TAG": tag, "HP_OFFSET": str(self.runs * 1_000_000), "PYTHONDONTWRITEBYTECODE": "1",
        }

    @staticmethod
    def programs():
        """Where the unpacked command line clients are."""
        mariadb, mysql = unpacked("mariadb"), unpacked("mysql")
        plugins = glob.glob(os.path.join(mariadb, "usr", "lib", "*", "libmariadb3", "plugin"))
        return {"HP_MARIADB_CLI": os.path.join(mariadb, "usr", "bin", "mariadb"), "HP_MYSQL_CLI": os.path.join(mysql, "usr", "bin", "mysql"),
                "HP_MARIADB_PLUGINS": plugins[0], "HP_MYSQL_PLUGINS": os.path.join(mysql, "usr", "lib", "mysql", "plugin")}

    def leftovers(self):
        """Which of the tables that had to stay or go did not."""
        if self.direct:
            return []
        if not self.postgres:
            return self.sql("SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%\\_me\\_%' ORDER BY 1").split()
        return self.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '%\\_me\\_%' ORDER BY 1").split()

    def __exit__(self, *_):
        for approver in self.approvers:
            approver.over.set()
            approver.join(10)
        for holdpoint in (self.holdpoint, self.shipped):
            if holdpoint is not None:
                holdpoint.stop()
        if self.cluster is not None:
            self.cluster.stop(keep=self.keep)
        if self.keep:
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
