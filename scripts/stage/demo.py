"""The demo: a sample shop behind Holdpoint, until Ctrl-C; or the same story played by itself (`--check`)."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

from proxy import ROOT, Holdpoint
from sides import DATABASE, OWNER, SIDES
from story import tell

PEOPLE = {"dana@example.com": ["approvers", "dba", "data-stewards"], "mia@example.com": ["approvers", "dba", "data-stewards"]}


class Stage:
    """Everything the demo runs, and its end."""

    SCOPES = ("approvals:read", "approvals:decide", "audit:read")

    def __init__(self, keep, scopes=SCOPES, protocol="postgres"):
        self.keep, self.scopes, self.protocol = keep, scopes, protocol
        self.directory = tempfile.mkdtemp(prefix="holdpoint-demo-")
        # The database's account has to get in; what is secret inside is closed by itself.
        os.chmod(self.directory, 0o755)
        self.side = None
        self.holdpoint = None
        self.extra = []
        """More lines of configuration."""
        self.prepare = lambda stage: None
        """Done before Holdpoint serves, while its store is free."""

    def build(self, ports):
        side = SIDES[self.protocol](self.directory)
        say(f"starting {side.name} and loading the sample shop …")
        self.side = side
        side.start()
        say("starting Holdpoint …")
        self.holdpoint = Holdpoint(
            self.directory, side.server, {"shop": (DATABASE, OWNER, side.password)}, PEOPLE,
            os.path.join(ROOT, "rules"), ports=ports, protocol=side.protocol, extra=self.extra)
        self.dsn = self.holdpoint.add_agent("reporting-bot", "mia@example.com", ["shop"])
        self.tokens = {person: self.holdpoint.add_token(person, *self.scopes) for person in PEOPLE}
        self.prepare(self)
        self.holdpoint.start()
        return self

    def end(self):
        if self.holdpoint is not None:
            self.holdpoint.stop()
        if self.side is not None:
            self.side.server.stop(keep=self.keep)
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
    values, side = environment(stage), stage.side
    print(f"""
Holdpoint is up: {side.name} clients on port {stage.holdpoint.port}, HTTP API on {stage.holdpoint.url}
The agent is reporting-bot (owner mia@example.com); the approver is dana@example.com. Three lines to paste:

  1. as the agent: e-mail addresses come back masked
     {side.line(values['DSN'], 'SELECT id, full_name, email FROM customers WHERE id = 42')}

  2. as the agent: a bulk read hangs, held until somebody decides
     {side.line(values['DSN'], 'SELECT id, email FROM customers')}

  3. as the approver, in another terminal: see what is asked, and let it run
     export HOLDPOINT_URL={values['HOLDPOINT_URL']} HOLDPOINT_TOKEN={values['HOLDPOINT_TOKEN']}; h={values['HOLDPOINT_BIN']}; $h approvals list; $h approvals approve $($h approvals list | grep -o 'apr_[0-9A-Z]*' | head -n 1)

Ctrl-C ends it and removes everything.""", flush=True)


def check(protocol, keep):
    """Plays the story on a stage of its own. Returns the exit code: 0 only if all of it happened."""
    stage = Stage(keep, protocol=protocol)
    try:
        return tell(stage.build(ports=(0, 0)))
    finally:
        stage.end()


def show(protocol, keep):
    """Keeps the stage up for whoever wants to try it."""
    stage = Stage(keep, protocol=protocol)
    try:
        stage.build(ports=(SIDES[protocol].port, 6480))
        invite(stage)
        while stage.holdpoint.process.poll() is None:
            time.sleep(0.5)
        say(f"Holdpoint ended by itself:\n{stage.holdpoint.tail_of_log()}")
        return 1
    finally:
        stage.end()


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="play the story with a real client and the HTTP API, on PostgreSQL and on MariaDB; exit 0 only if all of it happened")
    parser.add_argument("--mysql", action="store_true", help="MariaDB only, in place of PostgreSQL")
    parser.add_argument("--keep", action="store_true", help="leave the data directories and logs behind")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not arguments.check:
            return show("mysql" if arguments.mysql else "postgres", arguments.keep)
        # The second story is told even if the first did not come true: one run shows all that is wrong.
        return max([check(protocol, arguments.keep) for protocol in (["mysql"] if arguments.mysql else SIDES)])
    except KeyboardInterrupt:
        # The end of a demo, but not of a story that was to be told whole.
        return 130 if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
