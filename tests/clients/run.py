"""Runs the real drivers against real servers through Holdpoint, over TLS and without, and pgbench or sysbench after them."""

import argparse
import json
import os
import subprocess
import sys
import time

from stage import HERE, SERVERS, SHIPPED, Stage

CACHE = os.environ.get("HOLDPOINT_CACHE", "")
PYTHON = os.path.join(CACHE, "venv", "bin", "python")
JDBC, MARIADB_JDBC = "/usr/share/java/postgresql.jar", "/usr/share/java/mariadb-java-client.jar"
PATIENCE = 300


def python(script, *arguments):
    return [PYTHON, os.path.join(HERE, "drivers", script), *arguments]


CLIENTS = {
    "psql": python("psql_client.py"),
    "psycopg-text": python("psycopg_client.py", "text"),
    "psycopg-binary": python("psycopg_client.py", "binary"),
    "asyncpg": python("asyncpg_client.py"),
    "sqlalchemy": python("sqlalchemy_client.py"),
    "node-postgres": ["node", os.path.join(HERE, "drivers", "node_postgres.js")],
    "pgjdbc": ["java", "-cp", JDBC, os.path.join(HERE, "drivers", "Pgjdbc.java")],
    "introspection": python("introspection.py"),
    "jdbc-metadata": ["java", "-cp", JDBC, os.path.join(HERE, "drivers", "JdbcMetadata.java")],
}
MYSQL_CLIENTS = {
    "mariadb-cli": python("mysql_cli.py", "mariadb"),
    "mysql-cli": python("mysql_cli.py", "mysql"),
    "pymysql": python("mysql_pymysql.py"),
    "connector-pure": python("mysql_connector.py", "pure"),
    "connector-c": python("mysql_connector.py", "c"),
    "mysqlclient": python("mysql_mysqlclient.py"),
    "aiomysql": python("mysql_aiomysql.py"),
    "sqlalchemy-mysql": python("mysql_sqlalchemy.py"),
    "mysql2": ["node", os.path.join(HERE, "drivers", "mysql2.js")],
    "mariadb-jdbc": ["java", "-cp", MARIADB_JDBC, os.path.join(HERE, "drivers", "MariaDbJdbc.java")],
}
SYSBENCH = ("oltp_point_select", "oltp_read_only")


def clients_of(server):
    return CLIENTS if server == "postgres" else MYSQL_CLIENTS


def label_of(stage, client, tls):
    where = "" if stage.server == "postgres" else f" on {stage.server}"
    return f"{client}{where}{' (TLS)' if tls else ''}"


class Tally:
    """What passed and what did not."""

    def __init__(self):
        self.results = []

    def note(self, client, line):
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        self.results.append({"client": client, "check": name, "verdict": verdict.lower(), "why": why or None})
        if verdict != "skip":
            print(f"{verdict} {client}: {rest}", flush=True)

    def count(self, verdict):
        return sum(result["verdict"] == verdict for result in self.results)


def run_client(stage, tally, client, tls):
    label = label_of(stage, client, tls)
    environment = {**stage.environment(client, tls), "NODE_PATH": os.path.join(CACHE, "node", "node_modules")}
    started = time.monotonic()
    try:
        done = subprocess.run(clients_of(stage.server)[client], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out, err, code = (late.stdout or b"").decode(), (late.stderr or b"").decode(), None
    verdicts = [line for line in out.splitlines() if line.split(" ", 1)[0] in ("ok", "FAIL", "skip")]
    for line in verdicts:
        tally.note(label, line)
    if code is None:
        tally.note(label, f"FAIL end: no end within {PATIENCE} s")
    elif not verdicts or (code != 0 and not any(line.startswith("FAIL") for line in verdicts)):
        tally.note(label, f"FAIL start: exit {code}: {' '.join(err.split())[-500:]}")
    if any(line.startswith("FAIL") for line in verdicts):
        print("\n".join(f"    {line}" for line in err.splitlines()[-40:]), file=sys.stderr)
    print(f"   {label}: {time.monotonic() - started:.1f} s", flush=True)


def pgbench(stage, tally, seconds):
    """pgbench unchanged: the tables are made directly, the three protocols run through the proxy."""
    direct = {**os.environ, **stage.cluster.environment("bench", "shop_app", stage.password)}
    subprocess.run(["pgbench", "-i", "-q", "-s", "2"], env=direct, capture_output=True, check=True)
    bench = stage.bench
    through = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(bench["port"]), "PGDATABASE": bench["database"], "PGUSER": bench["user"],
               "PGPASSWORD": bench["password"], "PGSSLMODE": "prefer"}
    for script in ("tpcb-like", "select-only"):
        for mode in ("simple", "extended", "prepared"):
            name = f"pgbench_{script}_{mode}"
            command = ["pgbench", "-b", script, "-M", mode, "-c", "4", "-j", "1", "-T", str(seconds)]
            try:
                done = subprocess.run(command, env=through, capture_output=True, text=True, timeout=seconds + 60, check=False)
            except subprocess.TimeoutExpired:
                tally.note("pgbench", f"FAIL {name}: no end")
                continue
            failed = [line for line in done.stdout.splitlines() if "failed transactions" in line]
            speed = [line for line in done.stdout.splitlines() if line.startswith("tps")]
            clean = done.returncode == 0 and speed and all(": 0 " in line for line in failed)
            text = f"ok {name}" if clean else f"FAIL {name}: exit {done.returncode}: {' '.join(done.stderr.split())[-400:]}"
            tally.note("pgbench", text)
            print(f"   {name}: {speed[0] if speed else 'no speed'}", flush=True)


def sysbench(stage, tally, seconds):
    """sysbench unchanged: the table is made directly, the scripts run through the proxy, with prepared statements and without."""
    def command(login, script, *arguments):
        return ["sysbench", script, "--db-driver=mysql", f"--mysql-host={login['host']}", f"--mysql-port={login['port']}",
                f"--mysql-user={login['user']}", f"--mysql-password={login['password']}", f"--mysql-db={login['database']}",
                "--tables=1", "--table-size=20000", "--threads=4", f"--time={seconds}", *arguments]

    direct = {"host": "127.0.0.1", "port": stage.cluster.port, "user": "shop_app", "password": stage.password, "database": "bench"}
    subprocess.run(command(direct, "oltp_read_only", "prepare"), capture_output=True, check=True)
    through = {**stage.bench, "host": "127.0.0.1"}
    for script in SYSBENCH:
        for mode in ("auto", "disable"):
            name = f"{script}_{'prepared' if mode == 'auto' else 'text'}"
            try:
                done = subprocess.run(command(through, script, f"--db-ps-mode={mode}", "run"), capture_output=True, text=True, timeout=seconds + 60, check=False)
            except subprocess.TimeoutExpired:
                tally.note(f"sysbench on {stage.server}", f"FAIL {name}: no end")
                continue
            figures = [" ".join(line.split()) for line in done.stdout.splitlines() if "transactions:" in line or "ignored errors:" in line]
            clean = done.returncode == 0 and len(figures) == 2 and figures[1].startswith("ignored errors: 0 ")
            why = f": exit {done.returncode}: {' '.join((done.stdout + done.stderr).split())[-400:]}"
            tally.note(f"sysbench on {stage.server}", f"ok {name}" if clean else f"FAIL {name}{why}")
            print(f"   {name}: {figures[0] if figures else 'no figures'}", flush=True)


def after(stage, tally, clients, ways):
    """What the database and the approver say once everybody has left."""
    if stage.direct:
        return
    kept = set(stage.leftovers())
    for client in clients:
        if client in SHIPPED:
            continue
        for tls in ways:
            tag = f"{client}_{'tls' if tls else 'plain'}".replace("-", "_")
            label = label_of(stage, client, tls)
            right = f"approve_me_{tag}" not in kept and all(f"{verb}_me_{tag}" in kept for verb in ("deny", "expire", "leave"))
            tally.note(label, "ok only_the_approved_table_is_gone" if right else f"FAIL only_the_approved_table_is_gone: {sorted(name for name in kept if name.endswith(tag))}")
    for approver in stage.approvers:
        for surprise in approver.surprises:
            print(f"   held, and was not to be: {json.dumps(surprise)}", flush=True)
    count = sum(len(approver.surprises) for approver in stage.approvers)
    tally.note("approver", "ok no_surprise_was_held" if not count else f"FAIL no_surprise_was_held: {count} statements")


def main():
    parser = argparse.ArgumentParser(prog="tests/clients/run", description=__doc__)
    parser.add_argument("--direct", action="store_true", help="without Holdpoint: proves the drivers' scripts themselves; hold checks are skipped")
    parser.add_argument("--server", action="append", choices=SERVERS, help="only in front of this one (may be repeated)")
    parser.add_argument("--client", action="append", choices=sorted({**CLIENTS, **MYSQL_CLIENTS}), help="only this one (may be repeated)")
    parser.add_argument("--plain", action="store_true", help="only without TLS")
    parser.add_argument("--no-bench", action="store_true", help="neither pgbench nor sysbench")
    parser.add_argument("--seconds", type=int, default=3, help="per run of pgbench or sysbench")
    parser.add_argument("--json", help="write all results to this file")
    parser.add_argument("--keep", action="store_true", help="leave data and logs behind")
    arguments = parser.parse_args()
    ways = [False] if arguments.plain else [False, True]
    tally = Tally()
    for server in arguments.server or SERVERS:
        clients = [client for client in clients_of(server) if not arguments.client or client in arguments.client]
        if not clients:
            continue
        failed_before = tally.count("fail")
        with Stage(arguments.direct, arguments.keep, server) as stage:
            for client in clients:
                for tls in ways:
                    run_client(stage, tally, client, tls)
            if not arguments.no_bench:
                (pgbench if server == "postgres" else sysbench)(stage, tally, arguments.seconds)
            after(stage, tally, clients, ways)
            if tally.count("fail") > failed_before and stage.holdpoint is not None:
                print(f"--- the end of Holdpoint's log ---\n{stage.holdpoint.tail_of_log()}", file=sys.stderr)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"passed": tally.count("ok"), "failed": tally.count("fail"), "skipped": tally.count("skip"), "results": tally.results}, file, indent=1)
    print(f"drivers: {tally.count('ok')} passed, {tally.count('fail')} failed", flush=True)
    return 1 if tally.count("fail") else 0


if __name__ == "__main__":
    sys.exit(main())
