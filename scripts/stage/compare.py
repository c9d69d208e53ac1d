"""Direct, a plain TCP relay (haproxy), on PostgreSQL a pooler (pgbouncer), and Holdpoint on the same work, interleaved, in one run."""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import compare_mysql
from cluster import Cluster, end, follow_parent, free_port
from peers import Figures, Target, bulk, cell, memory_table, start_haproxy, start_holdpoint, turned, wait_for_port
from proxy import ROOT
from rawpg import RawClient

ROWS = 1_000_000
COLUMNS = "id, email, full_name, phone, amount, created_at"
WIDE = f"""
CREATE TABLE wide AS
SELECT i AS id, 'somebody.' || i || '@mail.example' AS email, md5(i::text) AS full_name, '+49 30 ' || lpad((i * 7919 % 10000000)::text, 7, '0') AS phone,
       (i % 100000)::numeric(12, 2) AS amount, timestamptz '2020-01-01 00:00:00+00' + i * interval '1 minute' AS created_at
FROM generate_series(1::bigint, {ROWS}) AS i;
ALTER TABLE wide ADD PRIMARY KEY (id);
CREATE TABLE wide_classified (LIKE wide INCLUDING ALL);
INSERT INTO wide_classified SELECT * FROM wide ORDER BY id;
CREATE VIEW wide_masked_by_view AS
SELECT id, left(email, 1) || '***' || substring(email from position('@' in email)) AS email, full_name,
       repeat('*', length(phone) - 4) || right(phone, 4) AS phone, amount, created_at
FROM wide;
VACUUM ANALYZE;
"""
RULES = """version: 1
classes:
  pii.email: { mask: email }
  pii.phone: { mask: { partial: { keep_last: 4 } } }
columns:
  - { match: "bench.public.wide_classified.email", class: pii.email }
  - { match: "bench.public.wide_classified.phone", class: pii.phone }
rules: []
"""
PLAIN, MASKED = "bulk, nothing masked", "bulk, 2 of 6 masked"
OLTP = [(mode, clients) for mode in ("simple", "prepared") for clients in (1, 16)]


def start_pgbouncer(directory, cluster, password):
    port, folder = free_port(), os.path.join(directory, "pgbouncer")
    os.makedirs(folder, mode=0o755)
    with open(os.path.join(folder, "users.txt"), "w", encoding="utf-8") as file:
        file.write(f'"bench_app" "{password}"\n')
    config = os.path.join(folder, "pgbouncer.ini")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"""[databases]
bench = host=127.0.0.1 port={cluster.port} dbname=bench
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = session
default_pool_size = 60
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
logfile = {folder}/log
pidfile = {folder}/pid
""")
    account = "postgres" if os.geteuid() == 0 else None
    if account:
        shutil.chown(folder, account)
        for name in os.listdir(folder):
            shutil.chown(os.path.join(folder, name), account)
    command = follow_parent([shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", "-q", config], account)
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for_port(port)
    return Target("pgbouncer (session, 1 thread)", port, "bench_app", password, process)


def pgbench(target, mode, clients, seconds):
    """Select-only. Returns transactions per second, and the proxy's CPU in microseconds per query."""
    environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(target.port), "PGDATABASE": "bench", "PGUSER": target.user,
                   "PGPASSWORD": target.password, "PGSSLMODE": "disable"}
    command = ["pgbench", "-n", "-S", "-M", mode, "-c", str(clients), "-j", "1", "-T", str(seconds)]
    before = target.cpu()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds + 60, check=False)
    used = target.cpu() - before
    if done.returncode != 0:
        raise RuntimeError(f"pgbench through {target.name}: {done.stderr.strip()[-500:]}")
    queries = int(re.search(r"transactions actually processed: (\d+)", done.stdout).group(1))
    speed = float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))
    return {"speed": speed, "cpu": used * 1e6 / queries}


def run_rounds(figures, targets, rounds, seconds):
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        order = turned(targets, number)
        for mode, clients in OLTP:
            for target in order:
                figures.note(f"select {mode} c{clients}", target.name, pgbench(target, mode, clients, seconds))
        for target in order:
            figures.note(PLAIN, target.name, bulk(target, RawClient, f"SELECT {COLUMNS} FROM wide"))
        for target in order:
            masked = "wide_classified" if target.name == "Holdpoint" else "wide_masked_by_view"
            figures.note(MASKED, target.name, bulk(target, RawClient, f"SELECT {COLUMNS} FROM {masked}"))


def table(figures, targets, workloads, unit_speed, unit_cpu):
    peers = [target.name for target in targets[1:]]
    relay, pooler = peers[0], peers[1]
    lines = [f"| workload | target | {unit_speed} | of direct | {unit_cpu} | of haproxy | of pgbouncer |", "| --- | --- | --: | --: | --: | --: | --: |"]
    for workload in workloads:
        for target in (target.name for target in targets):
            through = target in peers
            speed_form = "{:.0f}"
            lines.append(" | ".join([
                f"| {workload}", target, cell(figures.median(workload, target, "speed"), speed_form),
                cell(figures.ratio(workload, target, "speed", targets[0].name)),
                cell(figures.median(workload, target, "cpu") if through else None),
                cell(figures.ratio(workload, target, "cpu", relay) if through else None),
                cell(figures.ratio(workload, target, "cpu", pooler) if through else None) + " |",
            ]))
    return "\n".join(lines)


def goals(figures, targets):
    """What we aim for, what was measured, and whether it is enough."""
    direct, relay, pooler, ours = (target.name for target in targets)
    aims = [
        *((f"CPU per query, select {mode} c16, of {name}", figures.ratio(f"select {mode} c16", ours, "cpu", base), "at most", most)
          for mode in ("simple", "prepared") for name, base, most in (("pgbouncer", pooler, 1.00), ("haproxy", relay, 0.85))),
        ("CPU per GB, nothing masked, of haproxy", figures.ratio(PLAIN, ours, "cpu", relay), "at most", 0.35),
        ("CPU per GB, nothing masked, of pgbouncer", figures.ratio(PLAIN, ours, "cpu", pooler), "at most", 0.30),
        ("speed, nothing masked, of direct", figures.ratio(PLAIN, ours, "speed", direct), "at least", 0.98),
        ("CPU per GB, masked, of haproxy carrying the unmasked rows", figures.ratio(MASKED, ours, "cpu", relay, PLAIN), "at most", 0.75),
        ("speed, masked, of the masking view read directly", figures.ratio(MASKED, ours, "speed", direct), "at least", 1.40),
        ("speed, masked, of the unmasked rows read directly", figures.ratio(MASKED, ours, "speed", direct, PLAIN), "at least", 0.90),
        ("rise of memory during a bulk result, MiB", figures.median(PLAIN, ours, "rise"), "at most", 4.0),
        ("rise of memory during a masked bulk result, MiB", figures.median(MASKED, ours, "rise"), "at most", 4.0),
    ]
    lines = ["| goal | | measured | |", "| --- | --- | --: | --- |"]
    for what, found, word, limit in aims:
        if found is None:
            verdict = "not measured"
        elif (found <= limit) if word == "at most" else (found >= limit):
            verdict = "met"
        else:
            verdict = f"missed by {abs(found - limit):.2f}"
        lines.append(f"| {what} | {word} {limit:.2f} | {cell(found)} | {verdict} |")
    return "\n".join(lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def report(figures, targets, arguments, elsewhere):
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    oltp = [f"select {mode} c{clients}" for mode, clients in OLTP]
    aims = f"\n## Against the goals\n\n{goals(figures, targets)}\n" if len(targets) == 4 else ""
    return f"""# Figures

Direct, a plain TCP relay, a pooler and Holdpoint on the same work in one run: `scripts/compare --rounds {arguments.rounds} --seconds {arguments.seconds}`
at commit {commit}. Medians of {arguments.rounds} rounds, targets interleaved inside each round, ratios paired inside a round. CPU is user plus
system time of the proxy's own process from its process clock. Policy, inspection and audit are on. haproxy and Holdpoint may use 2 threads,
pgbouncer has one. {os.cpu_count()} cores ({processor()}), Linux {platform.release()}, loopback only; PostgreSQL, client and proxy share the cores.

## Point selects (`pgbench -S`)

{table(figures, targets, oltp, "queries/s", "proxy CPU, us per query")}

## A result of 1 000 000 rows and 6 columns

With masks, the peers carry a view that masks the same two columns inside the database; Holdpoint masks them itself.

{table(figures, targets, [PLAIN, MASKED], "MB/s", "proxy CPU, s per GB")}

{memory_table(figures, targets, PLAIN)}
{aims}{elsewhere}"""


def measure_postgres(directory, arguments):
    """All of it on PostgreSQL. Returns the measurements and the targets."""
    cluster, targets = Cluster(directory), []
    try:
        cluster.start()
        password = os.urandom(12).hex()
        cluster.create("bench", "bench_app", password)
        direct = {**os.environ, **cluster.environment("bench", "bench_app", password)}
        subprocess.run(["pgbench", "-i", "-q", "-s", "10"], env=direct, capture_output=True, check=True)
        cluster.psql(database="bench", user="bench_app", password=password, stdin=WIDE)
        targets = [Target("direct", cluster.port, "bench_app", password)]
        targets.append(start_haproxy(directory, cluster, password))
        targets.append(start_pgbouncer(directory, cluster, password))
        if not arguments.without_holdpoint:
            targets.append(start_holdpoint(directory, cluster, password, RULES))
        figures = Figures()
        run_rounds(figures, targets, arguments.rounds, arguments.seconds)
        return figures, targets
    finally:
        for target in targets:
            end(target.process)
        cluster.stop()


def main():
    parser = argparse.ArgumentParser(prog="scripts/compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="per run of pgbench or sysbench")
    parser.add_argument("--without-holdpoint", action="store_true", help="only the peers: proves the script itself")
    parser.add_argument("--output", default=os.path.join(ROOT, "docs", "figures.md"), help="where the table goes; - for the terminal")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="holdpoint-compare-")
    os.chmod(directory, 0o755)
    try:
        figures, targets = measure_postgres(directory, arguments)
        elsewhere = "".join(compare_mysql.section(flavour, directory, arguments) for flavour in ("mariadb", "mysql"))
        text = report(figures, targets, arguments, elsewhere)
        if arguments.output == "-":
            print(text)
        else:
            with open(arguments.output, "w", encoding="utf-8") as file:
                file.write(text)
            print(f"written: {arguments.output}")
        return 0
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
