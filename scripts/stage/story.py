"""The story of the demo, played with a real client and the real HTTP API. Every claim is checked; the first that fails ends it."""

import json
import re
import subprocess
import time

from proxy import Refused, split_dsn
from sides import start_client

PATIENCE = 60


class Failed(Exception):
    """A claim of the story did not come true."""


def claim(truth, what):
    print(f"  {'ok  ' if truth else 'FAIL'} {what}", flush=True)
    if not truth:
        raise Failed(what)


def scene(title):
    print(f"\n{title}", flush=True)


def shown(text, lines=4):
    """The beginning of what somebody saw, indented."""
    rows = text.strip().splitlines()
    more = [f"… {len(rows) - lines} more lines"] if len(rows) > lines else []
    for row in rows[:lines] + more:
        print(f"    | {row[:240]}", flush=True)


class Agent:
    """A side's command line client with nothing but a DSN."""

    def __init__(self, side, dsn):
        self.side, self.dsn = side, dsn

    def ask(self, sql):
        """Starts a statement and returns at once; `answer` waits for its end."""
        print(f"    $ {self.side.shown(sql)}", flush=True)
        return start_client(self.side, self.dsn, sql)

    def answer(self, asked):
        try:
            out, err = asked.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            asked.kill()
            asked.communicate()
            raise Failed(f"{self.side.client} got no answer within {PATIENCE} s") from None
        return asked.returncode, out, err

    def rows(self, printed):
        """The rows of what the client, or the database itself, printed."""
        return [line.split(self.side.separator) for line in printed.splitlines()]


def is_masked(value, real):
    return value != real and value[:1] == real[:1] and value.endswith(real[real.index("@"):]) and "*" in value


def show_request(approval):
    request = approval["request"]
    statement = request["statements"][0]
    lines = [
        f"{approval['id']}  {approval['state']}",
        f"who    {request['requester']['agent']} (owner {request['requester']['owner']})",
        f"what   {statement['summary']}",
        f"text   {statement['text']}",
    ]
    if statement["row_estimate"] is not None:
        lines.append(f"rows   about {statement['row_estimate']}")
    if request["masked_columns"]:
        lines.append(f"masked {', '.join(request['masked_columns'])}")
    lines.append(f"rules  {', '.join(hit['rule'] for hit in request['hits'])}")
    lines += [f"needs  {stage['needed']} of {'/'.join(stage['groups'])}" for stage in request["stages"]]
    shown("\n".join(lines), lines=len(lines))


def masked_select(stage, agent):
    scene("1. The agent reads one customer: allowed, and masked on the way back.")
    real = stage.side.truth("SELECT email FROM customers WHERE id = 42")
    code, out, err = agent.answer(agent.ask("SELECT id, email FROM customers WHERE id = 42"))
    shown(out or err)
    claim(code == 0, "the statement ran at once")
    [[number, email]] = agent.rows(out.strip())
    claim(number == "42", "an unclassified column came back as it is")
    claim(is_masked(email, real), "the e-mail address came back masked, and its shape says so")


def held_bulk_select(stage, agent):
    scene("2. The agent reads all customers: held.")
    held = agent.ask("SELECT id, email FROM customers")
    approval = stage.holdpoint.wait_for_pending(stage.tokens["dana@example.com"], "customers")
    time.sleep(1)
    claim(held.poll() is None, f"{stage.side.client} hangs: the connection is held open, and nothing has come back")
    running, locks = stage.side.at_work()
    claim(running == 0 and locks == 0, "nothing runs in the database meanwhile, and no lock is held")
    print("    what the approver sees:", flush=True)
    show_request(approval)
    request = approval["request"]
    estimate = request["statements"][0]["row_estimate"] or 0
    claim(request["requester"]["agent"] == "reporting-bot", "the approver sees who asks")
    claim(estimate >= 50_000, "and how many rows to expect")
    claim(any("email" in column for column in request["masked_columns"]), "and which columns will be masked")
    text = json.dumps(approval)
    secrets = stage.side.truth("SELECT email FROM customers ORDER BY id LIMIT 1000").split()
    secrets += [stage.side.password, split_dsn(stage.dsn)["password"]]
    claim(not any(secret in text for secret in secrets), "and neither data nor credentials")
    return held, approval


def approve(stage, agent, held, approval):
    scene("3. The agent's owner may not approve; another person may.")
    try:
        stage.holdpoint.decide(approval, "approve", stage.tokens["mia@example.com"], "looks fine to me")
        claim(False, "mia@example.com owns the agent and is refused")
    except Refused as refusal:
        shown(f"{refusal.status} {refusal.problem.get('title')}: {refusal.problem.get('detail')}")
        claim(refusal.status == 403 and refusal.kind == "self-approval", "mia@example.com owns the agent and is refused")
    claim(held.poll() is None, f"{stage.side.client} still hangs")
    decided = stage.holdpoint.decide(approval, "approve", stage.tokens["dana@example.com"], "monthly report")
    claim(decided["state"] in ("approved", "executing", "executed"), "dana@example.com approves")
    code, out, err = agent.answer(held)
    shown(out or err, lines=2)
    rows = agent.rows(out)
    claim(code == 0 and len(rows) == 100_000, f"{stage.side.client} gets its rows: {len(rows)}")
    real = dict(agent.rows(stage.side.truth("SELECT id, email FROM customers")))
    claim(all(is_masked(email, real[number]) for number, email in rows), "every one of them masked")


def deny(stage, agent):
    scene("4. The agent drops a table: held, then denied with a reason.")
    held = agent.ask("DROP TABLE payments")
    approval = stage.holdpoint.wait_for_pending(stage.tokens["dana@example.com"], "payments")
    show_request(approval)
    claim(held.poll() is None, f"{stage.side.client} hangs")
    denied = stage.holdpoint.decide(approval, "deny", stage.tokens["dana@example.com"], "not in the change window")
    claim(denied["state"] == "denied", "dana@example.com denies")
    code, _, err = agent.answer(held)
    shown(err, lines=6)
    claim(code != 0 and f"approval denied [{approval['id']}]" in err, f"{stage.side.client} is told so, with the id")
    claim("not in the change window" in err, "and with the reason")
    claim(stage.side.truth("SELECT count(*) FROM payments") == "150000", "and the table is still there")


def brief(event):
    """One record in a line: what a person looks for first."""
    if event["kind"] == "statement":
        masked = f", masked {', '.join(event['masked'])}" if event["masked"] else ""
        return f"statement         {event['outcome']}, verdict {event['verdict']}, {event['rows']} rows{masked}: {event['text']}"
    if event["kind"] == "approval_decided":
        return f"approval_decided  {event['approval']}: {event['verdict']} by {event['person']}, \"{event['reason']}\""
    return f"intent            {event['approval']}: {event['agent']}, digest {event['digest'][:12]}…"


def audit(stage):
    scene("5. The audit log proves itself.")
    auditor = stage.tokens["dana@example.com"]
    done = stage.holdpoint.run("audit", "verify", token=auditor, check=False)
    shown(done.stdout + done.stderr)
    claim(done.returncode == 0, "`holdpoint audit verify` finds the chain unbroken")
    exported = stage.holdpoint.run("audit", "export", token=auditor).stdout
    lines = [json.loads(line) for line in exported.splitlines()]
    # Between the records stand the signed checkpoints, as objects of their own.
    kinds = [line["event"]["kind"] for line in lines if "event" in line]
    signed = sum("checkpoint" in line for line in lines)
    claim(signed > 0, f"`holdpoint audit export` writes {len(kinds)} records and {signed} signed checkpoints")
    for kind in ("approval_requested", "approval_decided", "decision_refused", "intent", "statement"):
        claim(kind in kinds, f"{kinds.count(kind)} of kind {kind}")
    told = [line["event"] for line in lines if line.get("event", {}).get("kind") in ("approval_decided", "intent", "statement")]
    shown("\n".join(brief(event) for event in told), lines=len(told))
    emails = re.findall(r"[a-z]+\.[a-z]+\d+@\w+\.example", exported)
    claim(not emails, "and not one e-mail address of a customer")


def tell(stage):
    """Plays the story. Returns the exit code: 0 only if all of it happened."""
    agent = Agent(stage.side, stage.dsn)
    try:
        masked_select(stage, agent)
        held, approval = held_bulk_select(stage, agent)
        approve(stage, agent, held, approval)
        deny(stage, agent)
        audit(stage)
    except (Failed, RuntimeError, Refused, KeyError, ValueError) as cause:
        print(f"\nThe story did not come true: {cause}\n--- the end of Holdpoint's log ---\n{stage.holdpoint.tail_of_log()}", flush=True)
        return 1
    print(f"\nAll of it happened, on {stage.side.name}.", flush=True)
    return 0
