"""What the Python drivers share: where to connect, what is true of the sample shop, and how a check reports."""

import os
import sys
import traceback
from datetime import datetime, timezone
from decimal import Decimal

DIRECT = os.environ["HP_DIRECT"] == "1"
TLS = os.environ["HP_TLS"] == "1"
HOST, PORT, DATABASE, CA = (os.environ[name] for name in ("HP_HOST", "HP_PORT", "HP_DATABASE", "HP_CA"))
TAG = os.environ["HP_TAG"]
"""Ends the names of the tables that belong to this run alone."""
OFFSET = int(os.environ["HP_OFFSET"])
"""Where the ids of this run's notes begin."""

EMAIL_42 = "vera.berg42@mail.example"
ENDLESS = "SELECT count(*) FROM customers a, customers b, customers c"
DENIAL = "not in the change window"


def login(role="agent"):
    """User and password: `agent`, `bulk` (may read and write in bulk) or `hasty` (its approvals expire at once)."""
    return os.environ[f"HP_{role.upper()}_USER"], os.environ[f"HP_{role.upper()}_PASSWORD"]


def libpq(role="agent"):
    """Connection parameters as libpq names them."""
    user, password = login(role)
    tls = {"sslmode": "verify-full", "sslrootcert": CA} if TLS else {"sslmode": "disable"}
    return {"host": HOST, "port": PORT, "dbname": DATABASE, "user": user, "password": password, **tls}


def order_total(number):
    """orders.total of a row, as demo.sql computes it."""
    return (Decimal(number * 104729 % 50000) / 100 + Decimal("4.99")).quantize(Decimal("0.01"))


FIRST_ORDER = (1, "paid", order_total(1), datetime(2024, 1, 1, 0, 5, tzinfo=timezone.utc))


def expect(truth, what):
    if not truth:
        raise AssertionError(what)


def equal(found, wanted):
    expect(found == wanted, f"{found!r} is not {wanted!r}")


def masked_email(value):
    """The e-mail of customer 42 as an agent may see it."""
    if DIRECT:
        return equal(value, EMAIL_42)
    fine = value != EMAIL_42 and value[:1] == "v" and value.endswith("@mail.example") and "*" in value
    return expect(fine, f"{value!r} is not a masked e-mail address")


def contains(text, *parts):
    for part in parts:
        expect(part in text, f"{part!r} is not in {text!r}")


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def run_all(call):
    """Runs every check through `call`; prints one line each; exits 1 if one failed."""
    failed = 0
    for function in CHECKS:
        name = function.__name__
        if DIRECT and name.startswith("hold_"):
            print(f"skip {name}", flush=True)
            continue
        try:
            call(function)
            print(f"ok {name}", flush=True)
        except Exception as cause:
            failed += 1
            print(f"FAIL {name}: {type(cause).__name__}: {' '.join(str(cause).split())[:600]}", flush=True)
            traceback.print_exc(file=sys.stderr)
    sys.exit(1 if failed else 0)
