"""Runs the tools that agents use against real servers through Holdpoint, and reads what their models would read."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "stage"))

from cluster import Cluster  # noqa: E402
from mysql_server import MySqlServer  # noqa: E402
from proxy import Holdpoint, Refused, split_dsn  # noqa: E402

CACHE = os.path.join(os.environ["HOLDPOINT_CACHE"], "agents")
PYTHON, MODULES = os.path.join(CACHE, "venv", "bin", "python"), os.path.join(CACHE, "node", "node_modules")
OWNER, APPROVER = "mia@example.com", "dana@example.com"
PATIENCE = 120
ASKED = ("approve_me", "deny_me", "leave_me", "why_me", "never_me")
STACKS = {
    "postgres": ("mcp_postgres", "langchain", "llamaindex", "vercel_ai", "dbt_postgres"),
    "mariadb": ("mcp_mysql", "langchain", "llamaindex", "vercel_ai"),
    "mysql": ("mcp_mysql", "langchain", "llamaindex", "vercel_ai"),
}
EMAIL = "somebody.unmistakable@canary.example"
ROWS = {
    "postgres": "INSERT INTO {0} SELECT i, 'row ' || i FROM generate_series(1, 2000) AS i; ANALYZE {0};\n",
    "mysql": "INSERT INTO {0} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
             "SELECT i, concat('row ', i) FROM n UNION ALL SELECT i + 1000, concat('row ', i) FROM n; ANALYZE TABLE {0};\n",
}


def sample(server):
    """One table for each way that a request can end, and one with a classified column."""
    text = "CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), email varchar(80));\n"
    text += f"INSERT INTO customers VALUES (7, 'Ann', '{EMAIL}'), (8, 'Bob', 'bob@canary.example');\n"
    for table in ASKED:
        text += f"CREATE TABLE {table} (id int PRIMARY KEY, note varchar(40));\n" + ROWS["postgres" if server == "postgres" else "mysql"].format(table)
    return text


class Approver(threading.Thread):
    """A person who approves and denies by the name of the table, and looks away from one."""

    def __init__(self, holdpoint, token):
        super().__init__(daemon=True)
        self.holdpoint, self.token, self.over = holdpoint, token, threading.Event()

    def run(self):
        known = set()
        while not self.over.is_set():
            try:
                for approval in self.holdpoint.pending(self.token):
                    if approval["id"] not in known:
                        known.add(approval["id"])
                        self.decide(approval)
            except (OSError, Refused):
                pass
            time.sleep(0.1)

    def decide(self, approval):
        objects = " ".join(part for statement in approval["request"]["statements"] for part in statement["objects"])
        if "leave_me" in objects:
            return
        verb = "deny" if "deny_me" in objects else "approve"
        self.holdpoint.decide(approval, verb, self.token, "not in the change window" if verb == "deny" else None)


class Stage:
    """One kind of server with the sample, and Holdpoint in front of it."""

    def __init__(self, server):
        self.server, self.directory = server, tempfile.mkdtemp(prefix="holdpoint-agents-")
        os.chmod(self.directory, 0o755)
        self.holdpoint = self.approver = None
        self.cluster = Cluster(self.directory) if server == "postgres" else MySqlServer(self.directory, server)

    def __enter__(self):
        try:
            self.build()
            return self
        except BaseException:
            self.__exit__()
            raise

    def build(self):
        self.cluster.start()
        password = os.urandom(12).hex()
        self.cluster.create("shop", "shop_app", password)
        run = self.cluster.psql if self.server == "postgres" else self.cluster.sql
        run(database="shop", user="shop_app", password=password, stdin=sample(self.server))
        people = {APPROVER: ["approvers"], OWNER: []}
        protocol = "postgres" if self.server == "postgres" else "mysql"
        rules = os.path.join(HERE, "rules")
        self.holdpoint = Holdpoint(self.directory, self.cluster, {"shop": ("shop", "shop_app", password)}, people, rules, protocol=protocol)
        self.dsn = self.holdpoint.add_agent("reporting-bot", OWNER, ["shop"])
        token = self.holdpoint.add_token(APPROVER, "approvals:read", "approvals:decide")
        self.holdpoint.start()
        self.approver = Approver(self.holdpoint, token)
        self.approver.start()

    def environment(self):
        login = split_dsn(self.dsn)
        return {
            **os.environ, "HP_SERVER": self.server, "HP_DSN": self.dsn, "HP_HOST": "127.0.0.1", "HP_PORT": str(login["port"]), "HP_USER": login["user"],
            "HP_PASSWORD": login["password"], "HP_DATABASE": login["database"], "HP_EMAIL": EMAIL, "HP_MODULES": MODULES, "HP_DIRECTORY": self.directory,
            "NODE_PATH": MODULES, "PATH": os.path.join(CACHE, "venv", "bin") + os.pathsep + os.environ["PATH"],
            "ANONYMIZED_TELEMETRY": "false", "DO_NOT_TRACK": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }

    def __exit__(self, *_):
        if self.approver is not None:
            self.approver.over.set()
            self.approver.join(10)
        if self.holdpoint is not None:
            self.holdpoint.stop()
        self.cluster.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def run_stack(stage, stack):
    """Returns how many lines said FAIL, having shown all of them."""
    command = [PYTHON, os.path.join(HERE, "stacks", f"{stack}.py")]
    began, label = time.monotonic(), f"{stack.replace('_', '-')} on {stage.server}"
    try:
        done = subprocess.run(command, env=stage.environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out, err, code = (late.stdout or b"").decode(), (late.stderr or b"").decode(), None
    lines = [line for line in out.splitlines() if line.split(" ", 1)[0] in ("ok", "FAIL")]
    if code != 0 and not any(line.startswith("FAIL") for line in lines) or not lines:
        lines.append(f"FAIL end: exit {code}")
    for line in lines:
        verdict, _, rest = line.partition(" ")
        print(f"{verdict} {label}: {rest}", flush=True)
    failed = sum(line.startswith("FAIL") for line in lines)
    if failed:
        print("\n".join(f"    {line}" for line in err.splitlines()[-30:]))
    print(f"   {label}: {time.monotonic() - began:.1f} s", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(prog="tests/agents/run", description=__doc__)
    parser.add_argument("--server", choices=sorted(STACKS), action="append", help="only this one (may be repeated)")
    parser.add_argument("--stack", action="append", help="only this one (may be repeated)")
    arguments = parser.parse_args()
    failed = 0
    for server in arguments.server or STACKS:
        with Stage(server) as stage:
            failed += sum(run_stack(stage, stack) for stack in STACKS[server] if stack in (arguments.stack or STACKS[server]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
