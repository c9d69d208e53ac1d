"""What the cases play on: a database server, Holdpoint in front of it, and somebody who approves, if wanted."""

import os
import re
import shutil
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "stage"))

from cluster import Cluster  # noqa: E402
from mysql_server import MySqlServer  # noqa: E402
from proxy import Holdpoint, Refused, split_dsn  # noqa: E402
import mywire  # noqa: E402
import wire  # noqa: E402

CASES = os.environ.get("HOLDPOINT_EVASION", os.path.join(os.path.dirname(ROOT), "shared", "evasion"))
OWNER, APPROVER = "mia@example.com", "dana@example.com"


class Approver(threading.Thread):
    """Says yes to everything, so that what is held is seen behind its approval, too."""

    def __init__(self, holdpoint, token):
        super().__init__(daemon=True)
        self.holdpoint, self.token, self.over = holdpoint, token, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            try:
                for approval in self.holdpoint.pending(self.token):
                    self.holdpoint.decide(approval, "approve", self.token, "whatever it is")
            except (OSError, Refused):
                continue


def schema(name):
    """The tables that cases play on. The shared cases bring the same; were theirs another one, ours would have to follow."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        ours = file.read()
    shared = os.path.join(CASES, name)
    if os.path.exists(shared):
        with open(shared, encoding="utf-8") as file:
            if file.read() != ours:
                raise RuntimeError(f"{shared} is not what tests/evasion/{name} is")
    return ours


def database_name(case, variant):
    return f"{case['id'].replace('-', '_')}_{variant}"


class Stage:
    """The database server, and Holdpoint unless the cases are to be proved themselves. What differs between kinds of servers is
    in the classes below."""

    PROTOCOL = "postgres"

    def __init__(self, arguments, cases):
        self.direct, self.keep, self.cases = arguments.direct, arguments.keep, cases
        self.approve, self.approver = arguments.approve, None
        self.directory = tempfile.mkdtemp(prefix="holdpoint-evasion-")
        os.chmod(self.directory, 0o755)
        self.cluster = self.holdpoint = None
        self.policy = os.path.join(HERE, "rules.yaml")

    def __enter__(self):
        try:
            return self.build()
        except BaseException:
            self.__exit__()
            raise

    def build(self):
        self.start_server()
        if self.direct:
            return self
        databases = {}
        for case, variant in self.cases:
            name = database_name(case, variant)
            databases[name] = (name, *self.role(case))
        people = {APPROVER: ["approvers"], OWNER: []}
        rules = os.path.join(self.directory, "rules")
        os.makedirs(rules)
        with open(self.policy, encoding="utf-8") as file:
            text = self.rules(file.read())
        if self.approve:
            text = text.replace("hold: 1s, expires: 1500ms", "hold: 10s")
        with open(os.path.join(rules, "rules.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        self.holdpoint = Holdpoint(self.directory, self.cluster, databases, people, rules, hold="1s", protocol=self.PROTOCOL)
        with open(self.holdpoint.config, encoding="utf-8") as file:
            config = file.read()
        with open(self.holdpoint.config, "w", encoding="utf-8") as file:
            limits = "hold: { hold: 10s, hold_in_transaction: 10s" if self.approve else "hold: { hold: 1s, hold_in_transaction: 1s"
            file.write(config.replace("hold: { hold: 1s }", f"{limits}, waiting_max_per_agent: 1000 }}"))
        self.login = split_dsn(self.holdpoint.add_agent("evasion-bot", OWNER))
        token = self.holdpoint.add_token(APPROVER, "approvals:read", "approvals:decide")
        # The databases are made one by one: nobody waits for them.
        self.holdpoint.start("healthz")
        if self.approve:
            self.approver = Approver(self.holdpoint, token)
            self.approver.start()
        return self

    def __exit__(self, *_):
        if self.approver is not None:
            self.approver.over.set()
            self.approver.join(10)
        if self.holdpoint is not None:
            self.holdpoint.stop()
        if self.cluster is not None:
            self.cluster.stop(keep=self.keep)
        if self.keep:
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


class PostgresStage(Stage):
    """On PostgreSQL, every database made from a template."""

    def start_server(self):
        self.cluster = Cluster(self.directory)
        self.cluster.start()
        self.cluster.psql("-c", "CREATE DATABASE evasion_template")
        self.cluster.psql(database="evasion_template", stdin=schema("schema_pg.sql"))

    def rules(self, text):
        return text

    def role(self, case):
        return ("agent", "agent") if case["privilege"] == "agent" else ("postgres", self.cluster.password)

    def make(self, case, database):
        self.straight("postgres", [f"CREATE DATABASE {database} TEMPLATE evasion_template STRATEGY file_copy"])

    def share(self, database):
        """Lets the agent read what a set-up by somebody mightier has made."""
        self.straight(database, ["GRANT SELECT ON ALL TABLES IN SCHEMA public TO agent"])

    def drop(self, database):
        self.straight("postgres", [f"DROP DATABASE {database} WITH (FORCE)"])

    def behind(self, case, database):
        return wire.Client("127.0.0.1", self.cluster.port, database, *self.role(case))

    def connect(self, case, database):
        if self.direct:
            return self.behind(case, database)
        return wire.Client("127.0.0.1", self.login["port"], database, self.login["user"], self.login["password"])

    def straight(self, database, sqls):
        client = wire.Client("127.0.0.1", self.cluster.port, database, "postgres", self.cluster.password)
        try:
            return [result for sql in sqls for result in client.simple(sql)]
        finally:
            client.close()


class MySqlStage(Stage):
    """On MariaDB or MySQL. There are no templates, so every database gets the schema anew."""

    PROTOCOL = "mysql"

    def __init__(self, arguments, cases, flavour):
        super().__init__(arguments, cases)
        self.flavour = flavour

    def start_server(self):
        self.cluster = MySqlServer(self.directory, self.flavour, tls=True).start()
        self.schema = schema("schema_mysql.sql")
        self.cluster.sql("CREATE USER agent@'%' IDENTIFIED BY 'agent'")

    def rules(self, text):
        return text.replace("*.public.", "*.*.")

    def role(self, case):
        return ("agent", "agent") if case["privilege"] == "agent" else ("root", self.cluster.password)

    def make(self, case, database):
        self.cluster.sql(stdin=re.sub(r"\bevasion\b", database, self.schema))

    def share(self, database):
        """The schema has granted it."""

    def drop(self, database):
        self.straight("mysql", [f"DROP DATABASE {database}"])

    def behind(self, case, database):
        return mywire.Client("127.0.0.1", self.cluster.port, database, *self.role(case), tls=True)

    def connect(self, case, database):
        if self.direct:
            return self.behind(case, database)
        return mywire.Client("127.0.0.1", self.login["port"], database, self.login["user"], self.login["password"])

    def straight(self, database, sqls):
        client = mywire.Client("127.0.0.1", self.cluster.port, database, "root", self.cluster.password, tls=True)
        try:
            return [result for sql in sqls for result in client.simple(sql)]
        finally:
            client.close()
