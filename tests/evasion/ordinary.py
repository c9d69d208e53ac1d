#!/usr/bin/env python3
"""Plays ordinary work through Holdpoint under the shipped baseline: nothing may be held, denied, masked or changed that need not be.

Statements: `ordinary/*.txt` here and what `tests/statements` has recorded. Each is sent as text and as a prepared statement with
binary rows, and compared cell by cell with what the server itself answers. `ordinary/expected.jsonl` lists what the baseline holds
or masks in them, what a server does not know (`not_here`) and what differs anyway (`differs`), each with its reason; an entry that no longer applies fails, too. Prints one line per play; exits 1 on a difference.
"""

import argparse
import collections
import json
import os
import re
import sys

import wire
from run import SERVERS, stage_for
from stage import HERE, ROOT, database_name

CASE = {"id": "ordinary-work", "privilege": "agent", "setup": []}
MASK = re.compile(r"\[masked|^~[A-Z]|\*{3}")
RECORDED = {"postgres": ("ordinary.txt", "introspection.txt"), "mysql": ("mysql/ordinary.txt",)}


def statements(path):
    """The statements of a file, each with its parameters: blocks apart by empty lines; `#` comments, `=> with` parameters."""
    with open(path, encoding="utf-8") as file:
        blocks = re.split(r"\n\s*\n", file.read())
    for block in blocks:
        lines = [line for line in block.split("\n") if not line.startswith("#")]
        given = [line[len("=> with "):] for line in lines if line.startswith("=> with ")]
        sql = "\n".join(line for line in lines if not line.startswith("=> ")).strip()
        if sql:
            yield sql, [part.strip() for part in given[0].split("|")] if given else []


def chosen(server):
    """What is played on this kind of server. Recorded statements with parameters are there without values, so they stay out."""
    engine = "postgres" if server == "postgres" else "mysql"
    for name in RECORDED[engine]:
        for sql, parameters in statements(os.path.join(ROOT, "tests", "statements", name)):
            if not re.search(r"\$\d|\(\?, \?\)", sql):
                yield sql, parameters
    for name in (engine, server) if engine != server else (engine,):
        path = os.path.join(HERE, "ordinary", f"{name}.txt")
        if os.path.exists(path):
            yield from statements(path)


def expected(server):
    with open(os.path.join(HERE, "ordinary", "expected.jsonl"), encoding="utf-8") as file:
        entries = [json.loads(line) for line in file if line.strip()]
    return {entry["sql"]: entry for entry in entries if server in entry["servers"]}


class Player:
    """The two ways to the same database: straight, and through Holdpoint."""

    def __init__(self, stage, server):
        self.stage, self.server, self.database = stage, server, database_name(CASE, "simple")
        self.plain = self.through = None

    def straightly(self):
        return self.stage.behind(CASE, self.database)

    def open(self):
        self.plain = self.straightly()
        self.through = self.stage.connect(CASE, self.database)

    def close(self):
        for client in (self.plain, self.through):
            client.close()

    def send(self, client, sql, parameters, binary):
        if self.server == "postgres":
            return client.extended(sql, parameters, binary) if binary or parameters else client.simple(sql)
        sql = re.sub(r"\bevasion\b", self.database, sql)
        return client.prepared(sql) if binary else client.simple(sql)

    def straight(self, sql, parameters, binary):
        """What the server itself says, without leaving anything behind."""
        self.plain.simple("BEGIN")
        try:
            return self.send(self.plain, sql, parameters, binary)
        finally:
            self.plain.simple("ROLLBACK")

    def play(self, sql, parameters, binary):
        """What went differently: `(held, masked columns, broken)`."""
        self.open()
        try:
            first = self.straight(sql, parameters, binary)
            self.plain.close()
            self.plain = self.straightly()
            second = self.straight(sql, parameters, binary)
            try:
                got = self.send(self.through, sql, parameters, binary)
            except (wire.Closed, OSError) as end:
                return None, [], f"the session ended: {end}"
            return compared(first, second, got)
        finally:
            self.close()


def refusal(results):
    for result in results:
        if result.routine.startswith("holdpoint_"):
            return result.error["M"]
    return None


def compared(first, second, got):
    wrong = next((result.error for result in first if result.error), None)
    if wrong:
        return None, [], f"does not run on the server: {wrong.get('C')} {wrong.get('M')}"
    held = refusal(got)
    if held:
        return held, [], None
    wrong = next((result.error for result in got if result.error), None)
    if wrong:
        return None, [], f"failed: {wrong.get('C')} {wrong.get('M')}"
    if len(first) != len(got):
        return None, [], f"{len(got)} results instead of {len(first)}"
    masked = []
    for plain, again, shown in zip(first, second, got):
        if [column[:2] for column in plain.columns] != [column[:2] for column in shown.columns]:
            return None, [], f"columns {shown.columns} instead of {plain.columns}"
        if len(plain.rows) == len(again.rows) and len(plain.rows) != len(shown.rows):
            return None, [], f"{len(shown.rows)} rows instead of {len(plain.rows)}"
        for index, (name, *_) in enumerate(plain.columns):
            column = [[row[index] for row in result.rows] for result in (plain, again, shown)]
            # What differs between two answers of the server itself (clocks, process ids) can only be searched for masks.
            steady = column[0] == column[1]
            if (steady and column[0] != column[2]) or any(MASK.search(cell or "") for cell in column[2] if cell not in column[0]):
                masked.append(name)
        if plain.copied != shown.copied:
            masked.append("COPY")
    return None, masked, None


def judge(entry, sql, held, masked, broken):
    """Why this play is wrong, or `None`."""
    if broken:
        return broken
    if held and not (entry and entry.get("held") and re.search(entry["held"], held)):
        return f"held: {held}"
    if entry and entry.get("held") and not held:
        return "is not held any more, but ordinary/expected.jsonl says so"
    wanted = sorted((entry or {}).get("masked", []))
    masked = [name for name in masked if name not in (entry or {}).get("differs", [])]
    if not held and sorted(masked) != wanted:
        return f"masked {sorted(masked)} instead of {wanted}"
    return None


def play_server(arguments, server):
    stage = stage_for(arguments, server, [(CASE, "simple")])
    stage.policy = os.path.join(ROOT, "rules", "baseline.yaml")
    counts, entries, seen = collections.Counter(), expected(server), set()
    with stage:
        database = database_name(CASE, "simple")
        stage.make(CASE, database)
        engine = "postgres" if server == "postgres" else "mysql"
        with open(os.path.join(HERE, "ordinary", f"{engine}_schema.sql"), encoding="utf-8") as file:
            for statement in filter(str.strip, file.read().split(";\n")):
                for result in stage.straight(database, [statement]):
                    if result.error:
                        raise RuntimeError(f"{statement}: {result.error}")
        player = Player(stage, server)
        for sql, parameters in chosen(server):
            if (arguments.only and arguments.only not in sql) or (entries.get(sql) or {}).get("not_here"):
                seen.add(sql)
                continue
            counts["statements"] += 1
            for binary in (False, True):
                # Several statements at once cannot be prepared.
                if binary and ";" in sql.rstrip(";") and "'" not in sql:
                    continue
                held, masked, broken = player.play(sql, parameters, binary)
                if binary and broken and "cannot insert multiple commands" in broken:
                    continue
                if binary and server != "postgres" and broken and "prepared statement protocol" in broken:
                    continue
                entry = entries.get(sql)
                wrong = judge(entry, sql, held, masked, broken)
                counts["wrong" if wrong else "as expected" if entry else "untouched"] += 1
                short = re.sub(r"\s+", " ", sql)[:110]
                print(f"{'FAIL' if wrong else 'ok'} ordinary {'binary' if binary else 'text'} {short}{': ' + wrong if wrong else ''} ({server})", flush=True)
            seen.add(sql)
    if not arguments.only:
        for sql in set(entries) - seen:
            counts["wrong"] += 1
            print(f"FAIL ordinary expected.jsonl names a statement that is not played: {sql[:110]} ({server})")
    print(f"ordinary work on {server}: {counts['statements']} statements: {counts['untouched']} plays untouched, {counts['as expected']} held or "
          f"masked as listed, {counts['wrong']} wrong", flush=True)
    return counts["wrong"]


def main():
    parser = argparse.ArgumentParser(prog="tests/evasion/ordinary.py", description=__doc__)
    parser.add_argument("--server", action="append", choices=SERVERS, help="only this kind of server (may be repeated)")
    parser.add_argument("--only", help="only statements that contain this")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    arguments.direct = arguments.approve = False
    return 1 if any([play_server(arguments, server) for server in arguments.server or SERVERS]) else 0


if __name__ == "__main__":
    sys.exit(main())
