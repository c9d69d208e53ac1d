"""A throw-away PostgreSQL server: its own data directory, its own port, an unprivileged account, gone at the end."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time


def free_port(preferred=0):
    """A port nobody listens on at this moment; the preferred one if it is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RuntimeError("no free port")


def server_program(name):
    """A server program of the newest PostgreSQL that is installed."""
    found = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    if not found:
        raise RuntimeError(f"no {name} found: run scripts/setup")
    return max(found, key=lambda path: float(path.split("/")[4]))


def follow_parent(command, account=None, sign="INT"):
    """The command, told by a signal to end when this process ends however it ends, and to run under another account if asked."""
    prefix = ["setpriv", "--pdeathsig", sign]
    if account is not None:
        prefix += [f"--reuid={account}", f"--regid={account}", "--init-groups"]
    return prefix + command


def end(process, gently=signal.SIGINT, patience=20.0):
    """Ends a process that we started: gently, then by force."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(gently)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def make_certificates(directory):
    """One throw-away CA and a server certificate for 127.0.0.1 and localhost. Returns (ca, certificate, key)."""
    ca, ca_key = os.path.join(directory, "ca.pem"), os.path.join(directory, "ca.key")
    certificate, key = os.path.join(directory, "server.pem"), os.path.join(directory, "server.key")
    request, extensions = os.path.join(directory, "server.csr"), os.path.join(directory, "server.ext")
    with open(extensions, "w", encoding="utf-8") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    steps = [
        ["req", "-x509", *curve, "-days", "30", "-subj", "/CN=holdpoint test CA", "-keyout", ca_key, "-out", ca],
        ["req", *curve, "-subj", "/CN=localhost", "-keyout", key, "-out", request],
        ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30",
         "-extfile", extensions, "-out", certificate],
    ]
    for step in steps:
        subprocess.run(["openssl", *step], check=True, capture_output=True)
    return ca, certificate, key


class Cluster:
    """One server. `start` returns when it answers; `stop` when it is gone."""

    SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
max_prepared_transactions = 10
wal_level = logical
shared_buffers = 256MB
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
max_wal_size = 2GB
password_encryption = scram-sha-256
log_min_messages = warning
timezone = 'UTC'
"""

    def __init__(self, directory, tls=False):
        self.directory = os.path.join(directory, "postgres")
        self.data = os.path.join(self.directory, "data")
        self.log = os.path.join(self.directory, "log")
        self.port = free_port()
        self.password = os.urandom(12).hex()
        self.account = "postgres" if os.geteuid() == 0 else None
        self.tls = tls
        self.ca = None
        self.process = None

    def start(self):
        os.makedirs(self.directory, mode=0o755)
        password_file = os.path.join(self.directory, "superuser.password")
        with open(password_file, "w", encoding="utf-8") as file:
            file.write(self.password)
        if self.tls:
            self.ca, certificate, key = make_certificates(self.directory)
        self._own(self.directory)
        initdb = [server_program("initdb"), "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password_file,
                  "-N", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(follow_parent(initdb, self.account), check=True, capture_output=True, cwd=self.directory)
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(f"{self.SETTINGS}port = {self.port}\nunix_socket_directories = '{self.directory}'\n")
            if self.tls:
                file.write(f"ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n")
        self._own(self.directory)
        with open(self.log, "wb") as log:
            command = follow_parent([server_program("postgres"), "-D", self.data], self.account)
            # A session of its own: Ctrl-C at the terminal reaches us first, and we decide about the order.
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, start_new_session=True)
        self._wait_until_ready()
        return self

    def _own(self, directory):
        if self.account is None:
            return
        owner = pwd.getpwnam(self.account)
        for folder, _, files in os.walk(directory):
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            for name in files:
                os.chown(os.path.join(folder, name), owner.pw_uid, owner.pw_gid)

    def _wait_until_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            ready = subprocess.run([server_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read()[-2000:]}")

    def environment(self, database="postgres", user="postgres", password=None):
        """The libpq variables for a direct connection."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGDATABASE": database, "PGUSER": user,
                "PGPASSWORD": password or self.password, "PGSSLMODE": "prefer", "PGCONNECT_TIMEOUT": "10"}

    def psql(self, *arguments, database="postgres", user="postgres", password=None, stdin=None):
        """Runs psql as it would be run by hand, stops at the first error, returns what it printed."""
        command = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *arguments]
        environment = {**os.environ, **self.environment(database, user, password)}
        done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def create(self, database, owner, password):
        """A database and the role that owns it. The role is no superuser."""
        role = f"CREATE ROLE {owner} LOGIN PASSWORD '{password}'"
        self.psql("-c", role)
        self.psql("-c", f"CREATE DATABASE {database} OWNER {owner}")

    def stop(self, keep=False):
        end(self.process, signal.SIGINT)
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
