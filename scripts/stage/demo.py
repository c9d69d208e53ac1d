"""The demo: a sample shop behind Holdpoint, until Ctrl-C; or the same story played by itself (`--check`)."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

from cluster import Cluster
from proxy import ROOT, Holdpoint
from story import tell

PEOPLE = {"dana@example.com": ["approvers", "dba", "data-stewards"], "mia@example.com": ["approvers", "dba", "data-stewards"]}


class Stage:
    """Everything the demo runs, and its end."""

    SCOPES = ("approvals:read", "approvals:decide", "audit:read")

    def __init__(self, keep, scopes=SCOPES):
        self.keep, self.scopes = keep, scopes
        self.directory = tempfile.mkdtemp(prefix="holdpoint-demo-")
        # The database's account has to get in; what is secret inside is closed by itself.
        os.chmod(self.directory, 0o755)
        self.cluster = None
        self.holdpoint = None
        self.extra = []
        """More lines of configuration."""
        self.prepare = lambda stage: None
        """Done before Holdpoint serves, while its store is free."""

    def build(self, ports):
        say("starting PostgreSQL and loading the sample shop …")
        self.cluster = Cluster(self.directory)
        self.cluster.start()
        self.upstream_password = os.urandom(12).hex()
        self.cluster.create("shop", "shop_app", self.upstream_password)
        with open(os.path.join(ROOT, "scripts", "demo.sql"), encoding="utf-8") as sample:
            self.cluster.psql(database="shop", user="shop_app", password=self.upstream_password, stdin=sample.read())
        say("starting Holdpoint …")
        self.holdpoint = Holdpoint(
            self.directory, self.cluster, {"shop": ("shop", "shop_app", self.upstream_password)}, PEOPLE,
            os.path.join(ROOT, "rules"), ports=ports, extra=self.extra)
        self.dsn = self.holdpoint.add_agent("reporting-bot", "mia@example.com", ["shop"])
        self.tokens = {person: self.holdpoint.add_token(person, *self.scopes) for person in PEOPLE}
        self.prepare(self)
        self.holdpoint.start()
        return self

    def end(self):
        if self.holdpoint is not None:
            self.holdpoint.stop()
        if self.cluster is not None:
            self.cluster.stop(keep=self.keep)
        if self.keep:
            say(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(stage):
    """What a shell needs to speak for the approver."""
    return {
        "HOLDPOINT_URL": stage.holdpoint.url,
        "HOLDPOINT_TOKEN": stage.tokens["dana@example.com"],
        "HOLDPOINT_CONFIG": stage.holdpoint.config,
        "HOLDPOINT_BIN": stage.holdpoint.program,
        "DSN": stage.dsn,
    }


def invite(stage):
    values = environment(stage)
    print(f"""
Holdpoint is up: PostgreSQL clients on port {stage.holdpoint.port}, HTTP API on {stage.holdpoint.url}
The agent is reporting-bot (owner mia@example.com); the approver is dana@example.com. Three lines to paste:

  1. as the agent: e-mail addresses come back masked
     psql '{values['DSN']}' -c 'SELECT id, full_name, email FROM customers WHERE id = 42'

  2. as the agent: a bulk read hangs, held until somebody decides
     psql '{values['DSN']}' -c 'SELECT id, email FROM customers'

  3. as the approver, in another terminal: see what is asked, and let it run
     export HOLDPOINT_URL={values['HOLDPOINT_URL']} HOLDPOINT_TOKEN={values['HOLDPOINT_TOKEN']}; h={values['HOLDPOINT_BIN']}; $h approvals list; $h approvals approve $($h approvals list | grep -o 'apr_[0-9A-Z]*' | head -n 1)

Ctrl-C ends it and removes everything.""", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="play the story with psql and the HTTP API; exit 0 only if all of it happened")
    parser.add_argument("--keep", action="store_true", help="leave the data directories and logs behind")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stage = Stage(arguments.keep)
    try:
        stage.build(ports=(0, 0) if arguments.check else (6432, 6480))
        if arguments.check:
            return tell(stage)
        invite(stage)
        while stage.holdpoint.process.poll() is None:
            time.sleep(0.5)
        say(f"Holdpoint ended by itself:\n{stage.holdpoint.tail_of_log()}")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        stage.end()


if __name__ == "__main__":
    sys.exit(main())
