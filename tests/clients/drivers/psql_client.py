"""psql, as a person or a coding agent's shell runs it."""

import os
import signal
import subprocess
import time

from checks import *  # noqa: F403 - the one place where the facts of the shop stand


def environment(role):
    named = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD",
             "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, **{named[name]: value for name, value in libpq(role).items()}}


def psql(script, role="agent", stop=True):
    """Runs a script; returns (exit code, output, errors)."""
    command = ["psql", "-X", "-q", "-At", "-v", f"ON_ERROR_STOP={int(stop)}", "-v", "VERBOSITY=verbose"]
    done = subprocess.run(command, input=script, env=environment(role), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def lines(script, role="agent"):
    code, out, err = psql(script, role)
    expect(code == 0, err.strip())
    return out.splitlines()


@check
def query():
    equal(lines("SELECT id, status, total FROM orders WHERE id = 1;"), [f"1|paid|{order_total(1)}"])
    equal(lines("SELECT 1 AS one; SELECT 2 AS two;"), ["1", "2"])
    equal(lines("SELECT 1 AS one \\; SELECT 2 AS two;"), ["1", "2"])


@check
def parameters():
    script = "\\set order 1\nSELECT id, status FROM orders WHERE id = :order;"
    equal(lines(script), ["1|paid"])


@check
def masked():
    masked_email(lines("SELECT email FROM customers WHERE id = 42;")[0])


@check
def prepared_reuse():
    executed = "\n".join(f"EXECUTE total({number});" for number in range(1, 31))
    found = lines(f"PREPARE total(bigint) AS SELECT total FROM orders WHERE id = $1;\n{executed}\nDEALLOCATE total;")
    equal(found, [str(order_total(number)) for number in range(1, 31)])


@check
def transaction():
    script = f"""
        BEGIN; INSERT INTO notes (id, body) VALUES ({OFFSET + 1}, 'kept'); COMMIT;
        BEGIN; INSERT INTO notes (id, body) VALUES ({OFFSET + 2}, 'dropped'); ROLLBACK;
        SELECT id FROM notes WHERE id IN ({OFFSET + 1}, {OFFSET + 2});
    """
    equal(lines(script), [str(OFFSET + 1)])


@check
def error_in_transaction():
    script = "BEGIN; INSERT INTO notes (id, body) VALUES (0, 'twice'); SELECT 1 AS one; ROLLBACK; SELECT 2 AS two;"
    _, out, err = psql(script.replace("; ", ";\n"), stop=False)
    contains(err, "23505", "25P02")
    equal(out.splitlines(), ["2"])


@check
def describe():
    out = "\n".join(lines("\\d orders\n"))
    contains(out, "customer_id|bigint||not null", "total|numeric(12,2)||not null")


@check
def rows_100k():
    found = lines("SELECT id, email FROM customers ORDER BY id;", "bulk")
    equal(len(found), 100_000)
    masked_email(found[41].split("|")[1])


@check
def portal():
    found = lines("\\set FETCH_COUNT 900\nSELECT id, email FROM customers ORDER BY id;", "bulk")
    equal(len(found), 100_000)
    masked_email(found[41].split("|")[1])


def interrupted(sql):
    process = subprocess.Popen(["psql", "-X", "-At", "-v", "VERBOSITY=verbose", "-c", sql], env=environment("agent"),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError("Ctrl-C did not end it") from None
    contains(err, "57014")


@check
def cancel():
    interrupted(ENDLESS)


@check
def copy_out():
    found = lines("COPY (SELECT id, email FROM customers WHERE id <= 1000 ORDER BY id) TO STDOUT;", "bulk")
    equal(len(found), 1000)
    masked_email(found[41].split("\t")[1])


@check
def copy_in():
    first = OFFSET + 1000
    data = "\n".join(f"{first + number}\tnote {number}" for number in range(500))
    script = f"COPY notes (id, body) FROM STDIN;\n{data}\n\\.\nSELECT count(*) FROM notes WHERE id BETWEEN {first} AND {first + 499};\n"
    equal(lines(script, "bulk"), ["500"])


@check
def hold_approved():
    equal(lines(f"DROP TABLE approve_me_{TAG};"), [])


@check
def hold_approved_rows():
    found = lines("SELECT id, email FROM customers ORDER BY id;")
    equal(len(found), 100_000)
    masked_email(found[41].split("|")[1])


@check
def hold_denied():
    code, _, err = psql(f"DROP TABLE deny_me_{TAG};")
    expect(code != 0, "psql fails")
    contains(err, "42501", "approval denied [apr_", DENIAL)


@check
def hold_expired():
    code, _, err = psql(f"DROP TABLE expire_me_{TAG};", "hasty")
    expect(code != 0, "psql fails")
    contains(err, "55000", "approval expired [apr_")


@check
def hold_cancelled():
    interrupted(f"DROP TABLE leave_me_{TAG}")


run_all(lambda function: function())
