"""The comparison on MariaDB and MySQL: direct, a plain TCP relay (haproxy) and Holdpoint. Called by compare.py."""

import os
import re
import subprocess

from cluster import end
from mysql_server import MySqlServer
from peers import Figures, Target, bulk, cell, memory_table, start_haproxy, start_holdpoint, turned
from rawmy import RawClient

NAMES = {"mariadb": "MariaDB", "mysql": "MySQL"}
ROWS = 300_000
COLUMNS = "id, email, full_name, phone, amount, created_at"
DIGITS = "SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9"
WIDE = f"""
CREATE TABLE digits AS {DIGITS};
CREATE TABLE wide (id bigint PRIMARY KEY, email varchar(80), full_name varchar(40), phone varchar(20), amount decimal(12, 2), created_at datetime);
INSERT INTO wide
SELECT i, concat('somebody.', i, '@mail.example'), left(sha2(i, 256), 32), concat('+49 30 ', lpad(i * 7919 % 10000000, 7, '0')), i % 100000, '2020-01-01' + INTERVAL i MINUTE
FROM (SELECT 1 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS i
      FROM digits a, digits b, digits c, digits d, digits e, digits f WHERE f.n < 3) numbers ORDER BY i;
CREATE TABLE wide_classified LIKE wide;
INSERT INTO wide_classified SELECT * FROM wide ORDER BY id;
CREATE VIEW wide_masked_by_view AS
SELECT id, concat(left(email, 1), '***', substring(email, locate('@', email))) AS email, full_name,
       concat(repeat('*', char_length(phone) - 4), right(phone, 4)) AS phone, amount, created_at FROM wide;
ANALYZE TABLE wide, wide_classified;
"""
RULES = """version: 1
classes:
  pii.email: { mask: email }
  pii.phone: { mask: { partial: { keep_last: 4 } } }
columns:
  - { match: "bench.bench.wide_classified.email", class: pii.email }
  - { match: "bench.bench.wide_classified.phone", class: pii.phone }
rules: []
"""
PLAIN, MASKED = "bulk, nothing masked", "bulk, 2 of 6 masked"
OLTP = [("oltp_point_select", "text", 1), ("oltp_point_select", "text", 16), ("oltp_point_select", "prepared", 1),
        ("oltp_point_select", "prepared", 16), ("oltp_read_only", "prepared", 16)]


def sysbench(target, script, mode, threads, seconds, verb="run"):
    """One script of sysbench as it is shipped. Returns queries per second, and the proxy's CPU in microseconds per query."""
    command = ["sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={target.port}", f"--mysql-user={target.user}",
               f"--mysql-password={target.password}", "--mysql-db=bench", "--tables=1", "--table-size=50000", f"--threads={threads}",
               f"--time={seconds}", f"--db-ps-mode={'auto' if mode == 'prepared' else 'disable'}", verb]
    before = target.cpu()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    used = target.cpu() - before
    if done.returncode != 0:
        raise RuntimeError(f"sysbench through {target.name}: {(done.stdout + done.stderr).strip()[-500:]}")
    if verb != "run":
        return {}
    queries, speed = re.search(r"queries:\s+(\d+)\s+\(([0-9.]+) per sec", done.stdout).groups()
    return {"speed": float(speed), "cpu": used * 1e6 / int(queries)}


def workload(script, mode, threads):
    return f"{script} {mode} c{threads}"


def run_rounds(figures, targets, rounds, seconds):
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        order = turned(targets, number)
        for script, mode, threads in OLTP:
            for target in order:
                figures.note(workload(script, mode, threads), target.name, sysbench(target, script, mode, threads, seconds))
        for target in order:
            figures.note(PLAIN, target.name, bulk(target, RawClient, f"SELECT {COLUMNS} FROM wide"))
        for target in order:
            masked = "wide_classified" if target.name == "Holdpoint" else "wide_masked_by_view"
            figures.note(MASKED, target.name, bulk(target, RawClient, f"SELECT {COLUMNS} FROM {masked}"))


def table(figures, targets, workloads, unit_speed, unit_cpu):
    direct, relay = targets[0].name, targets[1].name
    lines = [f"| workload | target | {unit_speed} | of direct | {unit_cpu} | of haproxy |", "| --- | --- | --: | --: | --: | --: |"]
    for work in workloads:
        for target in (target.name for target in targets):
            through = target != direct
            lines.append(" | ".join([
                f"| {work}", target, cell(figures.median(work, target, "speed"), "{:.0f}"), cell(figures.ratio(work, target, "speed", direct)),
                cell(figures.median(work, target, "cpu") if through else None), cell(figures.ratio(work, target, "cpu", relay) if through else None) + " |",
            ]))
    return "\n".join(lines)


def section(flavour, directory, arguments):
    """All of it on one kind of server, as a part of the report."""
    server, targets = MySqlServer(directory, flavour), []
    try:
        server.start()
        password = os.urandom(12).hex()
        server.create("bench", "bench_app", password)
        # This login also fills the server's cache, so that later ones need no open line for the password.
        server.sql(stdin=WIDE, database="bench", user="bench_app", password=password)
        targets = [Target("direct", server.port, "bench_app", password)]
        sysbench(targets[0], "oltp_read_only", "text", 1, 1, verb="prepare")
        targets.append(start_haproxy(directory, server, password))
        if not arguments.without_holdpoint:
            targets.append(start_holdpoint(os.path.join(directory, f"proxy-{flavour}"), server, password, RULES, "mysql"))
        figures = Figures()
        run_rounds(figures, targets, arguments.rounds, arguments.seconds)
        version = server.sql("SELECT version()").strip()
        return report(flavour, version, figures, targets)
    finally:
        for target in targets:
            end(target.process)
        server.stop()


def report(flavour, version, figures, targets):
    oltp = [workload(*one) for one in OLTP]
    return f"""
## {NAMES[flavour]} {version}

The same, with sysbench's own scripts and a result of {ROWS // 1000} 000 rows and 6 columns in text. There is no pooler among the peers.

{table(figures, targets, oltp, "queries/s", "proxy CPU, us per query")}

{table(figures, targets, [PLAIN, MASKED], "MB/s", "proxy CPU, s per GB")}

{memory_table(figures, targets, PLAIN)}
"""
