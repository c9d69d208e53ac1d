"""The stage for the browser tests: PostgreSQL with the sample shop, Holdpoint, and node with Chromium in front of its page."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "stage"))

import demo  # noqa: E402
from cluster import follow_parent, free_port  # noqa: E402

PASSWORD = "several words in a row"
PATIENCE = 420
PEOPLE = {
    "dana@example.com": ["approvers", "dba", "data-stewards"], "erin@example.com": ["approvers", "dba", "data-stewards"],
    "mia@example.com": ["approvers", "dba", "data-stewards"], "olaf@example.com": [], "nina@example.com": [],
}


def main():
    demo.PEOPLE.clear()
    demo.PEOPLE.update(PEOPLE)
    provider = f"127.0.0.1:{free_port()}"
    stage = demo.Stage(keep=False)
    stage.extra = [
        "sign_in: { scopes: { admin: [ops], 'audit:read': [ops] } }",
        f"oidc: {{ issuer: 'http://{provider}', client_id: holdpoint, name: Example SSO }}",
    ]
    stage.prepare = prepare
    try:
        stage.build(ports=(0, 0))
        values = {
            **os.environ, **demo.environment(stage), "PROVIDER_HOST": provider, "PASSWORD": PASSWORD, "LINK": stage.link,
            "PAGE_MODULES": os.path.join(os.environ["HOLDPOINT_CACHE"], "page", "node_modules"),
            "PAGE_SHOTS": os.environ.get("HOLDPOINT_ARTIFACTS", os.path.join(os.environ["HOLDPOINT_CACHE"], "page-shots")),
        }
        command = follow_parent(["node", os.path.join(HERE, "page.mjs")])
        done = subprocess.run(command, env=values, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            print(stage.holdpoint.tail_of_log(), file=sys.stderr)
        return done.returncode
    finally:
        stage.end()


def prepare(stage):
    """Before it serves: a password for one person, a link for another."""
    set_password = [stage.holdpoint.program, "--config", stage.holdpoint.config, "people", "set-password", "dana@example.com"]
    subprocess.run(set_password, input=PASSWORD, text=True, check=True, capture_output=True)
    stage.link = stage.holdpoint.run("people", "invite", "nina@example.com").stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
