"""What every stack is tried with: texts of SQL go in, and what the model would read comes out."""

import os
import re

SERVER, EMAIL = os.environ["HP_SERVER"], os.environ["HP_EMAIL"]
ID = r"\[apr_[0-9A-Za-z]+\]"
# Word for word what docs/agents.md promises, as far as it is the same each time.
DENIED = rf"approval denied {ID}: .*not in the change window"
PENDING = rf"approval pending {ID}: .*{{again}}"
NO_REASON = r"reason required by rule ask-why"
NEVER = r"blocked by rule never: Nobody may read this\."


AGAIN = {True: "Wait, roll back, then send the same transaction again", False: "Wait, then send exactly the same statement again"}


def check(name, fine, read):
    text = " ".join(read.split())
    print(f"ok {name}" if fine else f"FAIL {name}: the model reads: {text[:600]}", flush=True)


def everything(ask, say=None, transaction=False):
    """`ask(sql)` gives what the model reads, an error's text as well. `say` states the reason of what follows, where a stack
    has a way for that. `transaction`: the stack runs each text in one of its own."""
    pending = PENDING.format(again=AGAIN[transaction])
    read = ask("SELECT id, name, email FROM customers WHERE id = 7")
    check("masked_read", "Ann" in read and EMAIL not in read and "***@canary.example" in read, read)
    read = ask("SELECT id, note FROM approve_me ORDER BY id")
    check("approved", "row 1" in read and "row 1000" in read and "apr_" not in read, read)
    for name, table, text in (("denied", "deny_me", DENIED), ("pending", "leave_me", pending), ("no_reason", "why_me", NO_REASON), ("never", "never_me", NEVER)):
        read = ask(f"SELECT id, note FROM {table} ORDER BY id")
        # All that a model needs is in one line: stacks drop the others.
        check(name, any(re.search(text, line) for line in read.splitlines()) and len(read) < 4000, read)
    if say is not None:
        say("monthly churn report")
        read = ask("SELECT id, note FROM why_me ORDER BY id")
        check("with_reason", "row 1" in read and "reason required" not in read, read)
    read = ask("SELECT count(*) FROM customers")
    check("goes_on", "2" in read and "rror" not in read, read)
