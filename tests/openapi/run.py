"""Schemathesis against a running Holdpoint: whatever is sent, no 5xx, and every answer is one that `/openapi.json` describes."""

import os
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "stage"))

import demo  # noqa: E402
from cluster import follow_parent  # noqa: E402

SCOPES = ("approvals:read", "approvals:decide", "audit:read", "rules:write", "admin")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "ignored_auth", "unsupported_method",
)
REVOKE = "/v1/tokens/{id}:revoke"
SECONDS = int(os.environ.get("HOLDPOINT_FUZZ_SECONDS", "90"))


def main():
    stage = demo.Stage(keep=False, scopes=SCOPES)
    asking = None
    try:
        stage.build(ports=(0, 0))
        # Something to be found: an approval that waits.
        asking = subprocess.Popen(
            follow_parent(["psql", stage.dsn, "-X", "-c", "SELECT id, email FROM customers"]),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        approval = stage.holdpoint.wait_for_pending(stage.tokens["dana@example.com"], "customers")
        with urllib.request.urlopen(f"{stage.holdpoint.url}/openapi.json", timeout=10) as answer, \
                tempfile.TemporaryDirectory() as folder:
            description = os.path.join(folder, "openapi.json")
            with open(description, "wb") as file:
                file.write(answer.read())
            return fuzz(stage, description, folder, approval)
    finally:
        if asking is not None:
            asking.kill()
            asking.wait()
        stage.end()


def fuzz(stage, description, folder, approval):
    """Two runs: whoever may revoke tokens would sooner or later revoke its own, so that comes last and with another's token."""
    dana, mia = (stage.tokens[person] for person in ("dana@example.com", "mia@example.com"))
    first = run(stage, description, folder, dana, SECONDS, "--exclude-path", REVOKE)
    after = stage.holdpoint.api("GET", f"/v1/approvals/{approval['id']}", dana)
    last = run(stage, description, folder, mia, 10, "--include-path", REVOKE)
    print(f"{'ok' if first and last else 'FAIL'} openapi: no 5xx and no answer that is not described, {first + last} requests")
    sound = after["id"] == approval["id"] and stage.holdpoint.run("audit", "verify", check=False).returncode == 0
    print(f"{'ok' if sound else 'FAIL'} openapi: the process still serves, and its log is whole")
    return 0 if first and last and sound else 1


def run(stage, description, folder, token, seconds, *which):
    program = os.path.join(os.environ["HOLDPOINT_CACHE"], "openapi", "bin", "schemathesis")
    command = follow_parent([
        program, "run", description, "--url", stage.holdpoint.url, "--checks", ",".join(CHECKS), *which,
        "--phases", "examples,coverage,fuzzing", "--max-time", str(seconds), "--seed", "20261125", "--request-timeout", "20",
        # A stream has no end to wait for; tests/api/live reads it.
        "--exclude-path", "/v1/events", "--continue-on-failure", "--warnings", "off",
        "--header", f"Authorization: Bearer {token}",
    ])
    # Reports and caches go where they are taken away.
    done = subprocess.run(command, cwd=folder, timeout=seconds + 300, check=False, capture_output=True, text=True)
    # A run that sent nothing found nothing, either.
    sent = re.search(r"([1-9]\d*) generated", done.stdout)
    good = done.returncode == 0 and sent is not None and stage.holdpoint.process.poll() is None
    if not good:
        print(done.stdout[-20000:], done.stderr[-4000:], stage.holdpoint.tail_of_log(), sep="\n", flush=True)
        return 0
    return int(sent.group(1))


if __name__ == "__main__":
    sys.exit(main())
