"""Runs every command that README.md and docs/ show in a block marked `sh run`, against a demo of its own, in the order of the text."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from demo import Stage, environment
from proxy import ROOT

BLOCK = re.compile(r"^```sh run( fails)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
PATIENCE = 120


def pages():
    return [os.path.join(ROOT, "README.md"), *sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))]


def blocks(path):
    """(line, must fail, commands) of each block."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [(text.count("\n", 0, found.start()) + 2, bool(found.group(1)), found.group(2)) for found in BLOCK.finditer(text)]


def dead_links(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [target for target in LINK.findall(text) if not os.path.exists(os.path.join(os.path.dirname(path), target))]


def run(commands, folder, variables):
    command = ["bash", "-c", f"set -euo pipefail; set -m\n{commands}"]
    process = subprocess.Popen(command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, out
    except subprocess.TimeoutExpired:
        process.kill()
        return None, f"no end within {PATIENCE} s"


def main():
    failed = 0
    folder = tempfile.mkdtemp(prefix="holdpoint-docs-")
    for path in pages():
        name = os.path.relpath(path, ROOT)
        dead = dead_links(path)
        failed += bool(dead)
        print(f"FAIL {name}: links to {', '.join(dead)}" if dead else f"ok {name}: links", flush=True)
    stage = Stage(keep=False, scopes=(*Stage.SCOPES, "admin"))
    try:
        stage.build(ports=(0, 0))
        values = environment(stage)
        # The documented commands say `holdpoint`, as an installed one is called.
        programs = os.path.join(folder, "bin")
        os.makedirs(programs)
        os.symlink(values["HOLDPOINT_BIN"], os.path.join(programs, "holdpoint"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        variables = {**kept, **values, "PATH": f"{programs}:{os.environ['PATH']}"}
        for path in pages():
            for line, must_fail, commands in blocks(path):
                name = f"{os.path.relpath(path, ROOT)}:{line}"
                code, out = run(commands, folder, variables)
                fine = code is not None and (code != 0) == must_fail
                failed += not fine
                print(f"ok {name}" if fine else f"FAIL {name}: exit {code}\n{commands}--- printed\n{out}", flush=True)
        if failed:
            print(f"--- the end of Holdpoint's log ---\n{stage.holdpoint.tail_of_log()}", flush=True)
    finally:
        stage.end()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
