"""The Vercel AI SDK: a model that calls a tool, and what comes back to it. The model is the SDK's own mock."""

import json
import os
import subprocess

import reading

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vercel_ai.mjs")
process = subprocess.Popen(["node", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(sql):
    process.stdin.write(json.dumps(sql) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


reading.everything(ask, say=lambda reason: ask(f"SET holdpoint.reason = '{reason}'"))
process.stdin.close()
process.wait(20)
