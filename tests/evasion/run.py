#!/usr/bin/env python3
"""Plays the evasion cases against Holdpoint in front of real servers and looks for leaks in every byte that comes back.

Every case gets a database of its own. Variants: `simple` (as written), `binary` (the same prepared, with binary results), `cte`
and `derived` (the last SELECT wrapped). Prints one line per case and variant, and counts per kind of server; exits 1 if anything
leaked, stored a mask, or if ordinary work did not pass. Needs nothing but Python's library.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import sys
import time

import detect
from stage import CASES, HERE, MySqlStage, PostgresStage, database_name
from wire import Closed, Result

SERVERS = ("postgres", "mariadb", "mysql")
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
    if not head.startswith(("select", "with")) or " into temp " in head or " into @" in head or sql.rstrip().endswith(("'", '"')) and "--" in sql:
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
        if case["engine"] == "mysql":
            return [{"mode": "prepared", "sql": sql} for sql in attack]
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


def filled(text, run, database, stage):
    def cell(found):
        statement, row, column = (int(part) for part in found.groups())
        try:
            return run.by_statement[statement].results[-1].rows[row][column] or ""
        except (KeyError, IndexError):
            return ""

    text = CELL.sub(cell, text)
    if stage.PROTOCOL == "mysql":
        text = re.sub(r"\bevasion\.", f"{database}.", text)
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
    if attack["mode"] == "prepared":
        return client.prepared(filled(attack["sql"], run, database, stage), attack.get("cursor", False), attack.get("fetch", 1000))
    if attack["mode"] == "reset":
        return client.reset()
    if attack["mode"] == "multi":
        return [result for sql in attack["sqls"] for result in client.simple(filled(sql, run, database, stage))]
    if attack["mode"] == "extended":
        return client.extended(filled(attack["sql"], run, database, stage), attack.get("params", ()), binary)
    raise ValueError(f"attack mode {attack['mode']} is not known to this runner")


def play(stage, case, variant):
    """One case in one variant: the run, why it leaks, why a control failed."""
    database = database_name(case, variant)
    run = Run()
    try:
        stage.make(case, database)
        for result in stage.straight(database, [filled(sql, run, database, stage) for sql in case["setup"]]):
            if result.error:
                return run, None, f"set-up failed: {result.error}"
        if case["privilege"] != "agent":
            stage.share(database)
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
        leak = detect.leak(case, run, lambda sqls: stage.straight(database, [sqls] if isinstance(sqls, str) else sqls))
        failure = detect.control_failure(case, run) if case["detect"]["mode"] == "control" else None
        return run, leak, failure
    finally:
        stage.drop(database)


def line(case, variant, run, leak, failure):
    disposition = run.disposition()
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
    parser.add_argument("--server", action="append", choices=SERVERS, help="only this kind of server (may be repeated)")
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    every, paths = [], [os.path.join(CASES, "cases.jsonl"), os.path.join(HERE, "more.jsonl")]
    if not os.path.exists(paths[0]):
        print(f"only our own cases: there are no others in {CASES} (HOLDPOINT_EVASION names another folder)")
        paths.pop(0)
    for path in paths:
        with open(path, encoding="utf-8") as file:
            every += [json.loads(text) for text in file if text.strip()]
    bad = [play_server(arguments, server, every) for server in arguments.server or SERVERS]
    return 1 if any(bad) else 0


def stage_for(arguments, server, plays):
    return PostgresStage(arguments, plays) if server == "postgres" else MySqlStage(arguments, plays, server)


def suits(case, server):
    """Whether a case is for this server: `flavor` names the only one that understands it."""
    engine = "pg" if server == "postgres" else "mysql"
    return case["engine"] == engine and case.get("flavor", server) == server


def play_server(arguments, server, every):
    """All cases of one server; how many leaked or broke."""
    chosen = [case for case in every if suits(case, server) and (not arguments.case or case["id"] in arguments.case)]
    plays = [(case, variant) for case in chosen for variant in arguments.variant or VARIANTS if prepared(case, variant) is not None]
    if not plays:
        return 0
    counts, began = collections.Counter(), time.monotonic()
    with stage_for(arguments, server, plays) as stage, concurrent.futures.ThreadPoolExecutor(arguments.threads) as pool:
        futures = [(case, variant, pool.submit(play, stage, case, variant)) for case, variant in plays]
        for case, variant, future in futures:
            try:
                run, leak, failure = future.result()
            except Exception as error:  # noqa: BLE001, a case that cannot be played must not hide the others
                run, leak, failure = Run(), None, f"not played: {error!r}"
            kind, text = line(case, variant, run, leak, failure)
            counts[kind] += 1
            print(f"{text} ({server})", flush=True)
            if arguments.verbose or kind in ("leak", "broken"):
                print(details(run), flush=True)
        if stage.holdpoint is not None and "panicked" in stage.holdpoint.tail_of_log(1 << 24):
            print("FAIL log: something panicked")
            counts["broken"] += 1
        if counts["leak"] + counts["broken"] and arguments.keep and stage.holdpoint is not None:
            print(stage.holdpoint.tail_of_log())
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("answered", "held", "denied", "refused", "error", "ended", "control"))
    print(f"evasion on {server}: {len(chosen)} cases, {len(plays)} plays in {time.monotonic() - began:.0f} s: {told}; "
          f"{counts['leak']} leaks, {counts['broken']} broken", flush=True)
    return counts["leak"] + counts["broken"]


if __name__ == "__main__":
    sys.exit(main())
