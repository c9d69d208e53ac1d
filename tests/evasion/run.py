#!/usr/bin/env python3
"""Plays the evasion cases against Holdpoint in front of a real PostgreSQL and looks for leaks in every byte that comes back.

Every case gets a database of its own, made from a template. Variants: `simple` (as written), `binary` (the same through the
extended protocol with binary results), `cte` and `derived` (the last SELECT wrapped). Prints one line per case and variant, and
counts; exits 1 if anything leaked, stored a mask, or if ordinary work did not pass. Needs nothing but Python's library.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "stage"))

import detect  # noqa: E402
from cluster import Cluster, follow_parent  # noqa: E402
from proxy import Holdpoint, Refused, split_dsn  # noqa: E402
from wire import Client, Closed, Result  # noqa: E402

CASES = os.environ.get("HOLDPOINT_EVASION", os.path.join(os.path.dirname(ROOT), "shared", "evasion"))
OWNER, APPROVER = "mia@example.com", "dana@example.com"
VARIANTS = ("simple", "binary", "cte", "derived")
CELL = re.compile(r"\{R:(\d+):(\d+):(\d+)\}")


class Part:
    """What one statement of the attack got."""

    def __init__(self, results, seconds):
        self.results, self.seconds = results, seconds


class Run:
    """What one attack got."""

    def __init__(self):
        self.by_statement, self.received, self.ended = {}, b"", None

    @property
    def results(self):
        return [result for _, part in sorted(self.by_statement.items()) for result in part.results]

    def disposition(self):
        """The strongest thing that happened: denied, held, ended, error, answered."""
        routines = {result.routine for result in self.results}
        if "holdpoint_pending" in routines:
            return "held"
        if any(routine.startswith("holdpoint_") for routine in routines):
            return "denied"
        if self.ended is not None:
            return "ended"
        if self.results and self.results[-1].error is not None:
            return "refused" if self.results[-1].error.get("C") in ("0A000", "42501") else "error"
        return "answered"


def wrapped(sql, variant):
    """The statement in other clothes, or `None` where that is not the same statement."""
    head = sql.lstrip().lower()
    if not head.startswith(("select", "with")) or " into temp " in head or sql.rstrip().endswith(("'", '"')) and "--" in sql:
        return None
    if variant == "cte":
        return f"with evasion as ({sql}\n) select * from evasion"
    return f"select * from ({sql}\n) evasion"


def prepared(case, variant):
    """The attack of this variant, or `None` if the variant adds nothing."""
    attack = case["attack"]
    if variant == "simple":
        return attack
    if any(not isinstance(step, str) for step in attack):
        return None
    if variant == "binary":
        return None if case["detect"]["mode"] == "stored" else [{"mode": "extended", "sql": sql, "result_format": "binary"} for sql in attack]
    if case["detect"]["mode"] not in ("substring", "cells", "oracle"):
        return None
    indices = (case["detect"]["true"], case["detect"]["false"]) if case["detect"]["mode"] == "oracle" else (len(attack) - 1,)
    changed = list(attack)
    for index in indices:
        changed[index] = wrapped(attack[index], variant)
        if changed[index] is None:
            return None
    return changed


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


class Stage:
    """The database server, and Holdpoint unless the cases are to be proved themselves."""

    def __init__(self, arguments, cases):
        self.direct, self.keep, self.cases = arguments.direct, arguments.keep, cases
        self.approve, self.approver = arguments.approve, None
        self.directory = tempfile.mkdtemp(prefix="holdpoint-evasion-")
        os.chmod(self.directory, 0o755)
        self.cluster = self.holdpoint = None

    def __enter__(self):
        try:
            return self.build()
        except BaseException:
            self.__exit__()
            raise

    def build(self):
        self.cluster = Cluster(self.directory)
        self.cluster.start()
        self.cluster.psql("-c", "CREATE DATABASE evasion_template")
        with open(os.path.join(CASES, "schema_pg.sql"), encoding="utf-8") as schema:
            self.cluster.psql(database="evasion_template", stdin=schema.read())
        if self.direct:
            return self
        databases = {}
        for case, variant in self.cases:
            name = database_name(case, variant)
            role = ("agent", "agent") if case["privilege"] == "agent" else ("postgres", self.cluster.password)
            databases[name] = (name, *role)
        people = {APPROVER: ["approvers"], OWNER: []}
        rules = os.path.join(self.directory, "rules")
        os.makedirs(rules)
        with open(os.path.join(HERE, "rules.yaml"), encoding="utf-8") as file:
            text = file.read()
        if self.approve:
            text = text.replace("hold: 1s, expires: 1500ms", "hold: 10s")
        with open(os.path.join(rules, "rules.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        self.holdpoint = Holdpoint(self.directory, self.cluster, databases, people, rules, hold="1s")
        with open(self.holdpoint.config, encoding="utf-8") as file:
            config = file.read()
        with open(self.holdpoint.config, "w", encoding="utf-8") as file:
            limits = "hold: { hold: 10s, hold_in_transaction: 10s" if self.approve else "hold: { hold: 1s, hold_in_transaction: 1s"
            file.write(config.replace("hold: { hold: 1s }", f"{limits}, waiting_max_per_agent: 1000 }}"))
        self.login = split_dsn(self.holdpoint.add_agent("evasion-bot", OWNER))
        token = self.holdpoint.add_token(APPROVER, "approvals:read", "approvals:decide")
        self.serve()
        if self.approve:
            self.approver = Approver(self.holdpoint, token)
            self.approver.start()
        return self

    def serve(self):
        """Starts it without waiting for its databases: they are made one by one."""
        with open(self.holdpoint.log, "ab") as log:
            command = follow_parent([self.holdpoint.program, "--config", self.holdpoint.config, "serve"])
            self.holdpoint.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.holdpoint.directory, start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.holdpoint.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.holdpoint.url}/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"Holdpoint did not start:\n{self.holdpoint.tail_of_log()}")

    def connect(self, case, database):
        if self.direct:
            user, password = ("agent", "agent") if case["privilege"] == "agent" else ("postgres", self.cluster.password)
            return Client("127.0.0.1", self.cluster.port, database, user, password)
        return Client("127.0.0.1", self.login["port"], database, self.login["user"], self.login["password"])

    def straight(self, database, sqls):
        client = Client("127.0.0.1", self.cluster.port, database, "postgres", self.cluster.password)
        try:
            return [result for sql in sqls for result in client.simple(sql)]
        finally:
            client.close()

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


def database_name(case, variant):
    return f"{case['id'].replace('-', '_')}_{variant}"


def filled(text, run, database, stage):
    def cell(found):
        statement, row, column = (int(part) for part in found.groups())
        try:
            return run.by_statement[statement].results[-1].rows[row][column] or ""
        except (KeyError, IndexError):
            return ""

    text = CELL.sub(cell, text)
    return text.replace("{DB}", database).replace("{OUTDIR}", stage.cluster.directory).replace("{UNIQ}", database)


def step(client, attack, run, database, stage):
    if isinstance(attack, str):
        return client.simple(filled(attack, run, database, stage))
    if "fastpath" in attack:
        (oid,) = stage.straight(database, [f"select '{attack['fastpath']}'::regprocedure::oid"])[0].rows[0]
        return client.call(int(oid), attack["args"])
    binary = attack.get("result_format") == "binary"
    if attack["mode"] == "pipeline":
        return client.pipeline([filled(sql, run, database, stage) for sql in attack["sqls"]], binary=binary)
    if attack["mode"] == "extended":
        return client.extended(filled(attack["sql"], run, database, stage), attack.get("params", ()), binary)
    raise ValueError(f"attack mode {attack['mode']} is not known to this runner")


def play(stage, case, variant):
    """One case in one variant: the run, why it leaks, why a control failed."""
    database = database_name(case, variant)
    stage.straight("postgres", [f"CREATE DATABASE {database} TEMPLATE evasion_template STRATEGY file_copy"])
    run = Run()
    try:
        for result in stage.straight(database, case["setup"]):
            if result.error:
                return run, None, f"set-up failed: {result.error}"
        if case["privilege"] != "agent":
            stage.straight(database, ["GRANT SELECT ON ALL TABLES IN SCHEMA public TO agent"])
        client = stage.connect(case, database)
        for index, attack in enumerate(prepared(case, variant)):
            began = time.monotonic()
            try:
                results = step(client, attack, run, database, stage)
            except (Closed, OSError) as end:
                run.ended = str(end)
                results = [Result()]
            run.by_statement[index] = Part(results, time.monotonic() - began)
            if run.ended is not None:
                break
        run.received = bytes(client.received)
        client.close()
        leak = detect.leak(case, run, lambda sqls: stage.straight(database, sqls))
        failure = detect.control_failure(case, run) if case["detect"]["mode"] == "control" else None
        return run, leak, failure
    finally:
        stage.straight("postgres", [f"DROP DATABASE {database} WITH (FORCE)"])


def line(case, variant, run, leak, failure):
    disposition = run.disposition()
    if case["kind"] == "detector":
        return "detector", f"not yet {case['id']} {variant}: {disposition}: {case['title']}"
    if case["kind"] == "control":
        return ("broken", f"FAIL {case['id']} {variant}: control {disposition}: {case['title']}: {failure}") if failure else (
            "control", f"ok {case['id']} {variant}: control passed")
    if failure:
        return "broken", f"FAIL {case['id']} {variant}: {failure}"
    if leak:
        return "leak", f"LEAK {case['id']} {variant} ({disposition}): {case['title']}: {leak}"
    return disposition, f"ok {case['id']} {variant}: {disposition}, {case['expected']} preferred"


def details(run):
    told = []
    for index, part in sorted(run.by_statement.items()):
        for result in part.results:
            error = result.error and f"{result.error.get('C')} {result.error.get('M')}"
            told.append(f"    [{index}] {part.seconds:.2f}s {result.tag or ''} {result.rows[:3]} {error or ''}")
    return "\n".join(told)


def main():
    parser = argparse.ArgumentParser(prog="tests/evasion/run.py", description=__doc__)
    parser.add_argument("--direct", action="store_true", help="without Holdpoint: every case must leak, which proves the cases and this runner")
    parser.add_argument("--approve", action="store_true", help="a person approves everything that is held: masks alone must keep the values")
    parser.add_argument("--case", action="append", help="only this id (may be repeated)")
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    if not os.path.isdir(CASES):
        print(f"skip evasion: no cases in {CASES} (HOLDPOINT_EVASION names another folder)")
        return 0
    with open(os.path.join(CASES, "cases.jsonl"), encoding="utf-8") as file:
        every = [json.loads(text) for text in file if text.strip()]
    chosen = [case for case in every if case["engine"] == "pg" and (not arguments.case or case["id"] in arguments.case)]
    plays = [(case, variant) for case in chosen for variant in arguments.variant or VARIANTS if prepared(case, variant) is not None]
    counts, began = collections.Counter(), time.monotonic()
    with Stage(arguments, plays) as stage, concurrent.futures.ThreadPoolExecutor(arguments.threads) as pool:
        futures = [(case, variant, pool.submit(play, stage, case, variant)) for case, variant in plays]
        for case, variant, future in futures:
            try:
                run, leak, failure = future.result()
            except Exception as error:  # noqa: BLE001, a case that cannot be played must not hide the others
                run, leak, failure = Run(), None, f"not played: {error!r}"
            kind, text = line(case, variant, run, leak, failure)
            counts[kind] += 1
            print(text, flush=True)
            if arguments.verbose or kind in ("leak", "broken"):
                print(details(run), flush=True)
        if stage.holdpoint is not None and "panicked" in stage.holdpoint.tail_of_log(1 << 24):
            print("FAIL log: something panicked")
            counts["broken"] += 1
        if counts["leak"] + counts["broken"] and arguments.keep and stage.holdpoint is not None:
            print(stage.holdpoint.tail_of_log())
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("answered", "held", "denied", "refused", "error", "ended", "control", "detector"))
    print(f"evasion: {len(chosen)} cases, {len(plays)} plays in {time.monotonic() - began:.0f} s: {told}; {counts['leak']} leaks, {counts['broken']} broken")
    return 1 if counts["leak"] + counts["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
