"""The command line clients (first argument: `mariadb` or `mysql`), as a shell script would run them."""

import os
import signal
import subprocess
import sys
import time

from mysql_suite import *  # noqa: F403

CLIENT = sys.argv[1]
PROGRAM = os.environ[f"HP_{CLIENT.upper()}_CLI"]


def command(role, *arguments):
    user, password = login(role)
    if CLIENT == "mariadb":
        tls = ["--ssl", f"--ssl-ca={CA}", "--ssl-verify-server-cert"] if TLS else ["--skip-ssl"]
        # Its plugin for MySQL's default login comes with the library.
        tls += [f"--plugin-dir={os.environ['HP_MARIADB_PLUGINS']}"]
    else:
        tls = ["--ssl-mode=VERIFY_IDENTITY", f"--ssl-ca={CA}"] if TLS else ["--ssl-mode=DISABLED", "--get-server-public-key"]
        tls += [f"--plugin-dir={os.environ['HP_MYSQL_PLUGINS']}"]
    options = ["--no-defaults", "--protocol=tcp", "-h", HOST, "-P", PORT, "-u", user, "--max-allowed-packet=64M", "--binary-mode", *tls]
    return [PROGRAM, *options, *arguments, DATABASE], {**os.environ, "MYSQL_PWD": password}


def cli(*arguments, role="agent", text=None, code=0):
    line, environment = command(role, "--batch", "--skip-column-names", *arguments)
    done = subprocess.run(line, env=environment, input=text, capture_output=True, text=True, timeout=120, check=False)
    expect(done.returncode == code, f"exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout if code == 0 else done.stderr


@check
def query():
    equal(cli("-e", "SELECT id, status, total, placed_at FROM orders WHERE id = 1"), f"1\tpaid\t{order_total(1)}\t2024-01-01 00:05:00\n")


@check
def masked():
    masked_email(cli("-e", "SELECT email FROM customers WHERE id = 42").strip())


@check
def transaction():
    insert = f"BEGIN; INSERT INTO notes VALUES ({OFFSET + 1}, 'kept'); COMMIT; BEGIN; INSERT INTO notes VALUES ({OFFSET + 2}, 'dropped'); ROLLBACK;"
    cli(text=insert)
    equal(cli("-e", f"SELECT id FROM notes WHERE id IN ({OFFSET + 1}, {OFFSET + 2})"), f"{OFFSET + 1}\n")


@check
def rows_100k():
    lines = cli("--quick", "-e", "SELECT id, email FROM customers ORDER BY id", role="bulk").splitlines()
    equal(len(lines), 100_000)
    masked_email(lines[41].split("\t")[1])


@check
def multi_result():
    # With another delimiter both statements go in one packet.
    equal(cli("--delimiter=//", "-e", "SELECT 1; SELECT 2//"), "1\n2\n")


@check
def describes_tables():
    contains(cli("-e", "DESCRIBE orders"), "customer_id")
    contains(cli("-e", "SHOW TABLES"), "customers", "orders")


@check
def big_packets():
    # A text of this length is not read, so it is held, and what it gives is masked whole.
    equal(cli(text=f"SELECT length('{'x' * BIG}');", role="bulk"), f"{BIG if DIRECT else 'NULL'}\n")


def interrupted(sql):
    line, environment = command("agent", "--batch")
    process = subprocess.Popen(line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write(f"{sql};\n")
    process.stdin.flush()
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    expect("1317" in err or "interrupted" in err.lower() or "Aborted" in err or process.returncode != 0, f"not interrupted: {err!r}")


@check
def cancel():
    interrupted(ENDLESS)


@check
def hold_approved():
    equal(cli("-e", f"DROP TABLE approve_me_{TAG}"), "")


@check
def hold_denied():
    contains(cli("-e", f"DROP TABLE deny_me_{TAG}", code=1), "ERROR 1644 (45000)", "approval denied [apr_", DENIAL)


@check
def hold_expired():
    contains(cli("-e", f"DROP TABLE expire_me_{TAG}", role="hasty", code=1), "ERROR 1644 (45000)", "approval expired [apr_")


@check
def hold_cancelled():
    interrupted(f"DROP TABLE leave_me_{TAG}")


run_all(lambda function: function())
