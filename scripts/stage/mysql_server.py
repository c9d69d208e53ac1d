"""A throw-away MariaDB or MySQL server: its own data directory, its own port, an unprivileged account, gone at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import time

from cluster import end, follow_parent, free_port, make_certificates

FLAVOURS = ("mariadb", "mysql")


def unpacked(flavour):
    """Where scripts/setup has unpacked the server."""
    cache = os.environ.get("HOLDPOINT_CACHE")
    if not cache:
        cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "holdpoint")
    root = os.path.realpath(os.path.join(cache, f"{flavour}-root"))
    if not os.path.exists(os.path.join(root, "stamp")):
        raise RuntimeError(f"no {flavour} in {cache}: run scripts/setup servers")
    return root


class MySqlServer:
    """One server. `start` returns when it answers; `stop` when it is gone. Has the methods of `cluster.Cluster`."""

    SETTINGS = {
        "both": """
bind-address = 127.0.0.1
skip-name-resolve
max-connections = 1000
max-allowed-packet = 256M
local-infile = ON
character-set-server = utf8mb4
default-time-zone = +00:00
innodb-buffer-pool-size = 256M
innodb-flush-log-at-trx-commit = 0
innodb-doublewrite = OFF
innodb-fast-shutdown = 2
innodb-buffer-pool-load-at-startup = OFF
innodb-buffer-pool-dump-at-shutdown = OFF
skip-log-bin
""",
        "mariadb": "plugin-load-add = auth_ed25519\nperformance-schema = ON\nsecure-file-priv =\n",
        "mysql": "mysqlx = OFF\nsecure-file-priv =\n",
    }

    def __init__(self, directory, flavour, tls=False):
        self.flavour, self.root = flavour, unpacked(flavour)
        self.directory = os.path.join(directory, flavour)
        self.data = os.path.join(self.directory, "data")
        self.socket = os.path.join(self.directory, "sock")
        self.log = os.path.join(self.directory, "log")
        self.port = free_port()
        self.password = os.urandom(12).hex()
        self.account = "postgres" if os.geteuid() == 0 else None
        self.tls = tls
        self.ca = None
        self.process = None

    def program(self, name):
        """A program of this server: `mariadbd`, `mysqld`, `mariadb`, `mysql`."""
        found = [path for path in (os.path.join(self.root, "usr", part, name) for part in ("sbin", "bin")) if os.path.exists(path)]
        if not found:
            raise RuntimeError(f"no {name} in {self.root}")
        return found[0]

    def start(self):
        os.makedirs(self.directory, mode=0o755)
        shutil.copytree(os.path.join(self.root, "template"), self.data)
        with open(os.path.join(self.directory, "first.sql"), "w", encoding="utf-8") as file:
            file.write(f"CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
                       f"ALTER USER root@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
                       f"GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
                       f"ALTER USER root@localhost IDENTIFIED BY '{self.password}';\n")
        self._write_options()
        with open(self.log, "wb") as log:
            server = self.program("mariadbd" if self.flavour == "mariadb" else "mysqld")
            command = follow_parent([server, f"--defaults-file={self.directory}/my.cnf"], self.account, "TERM")
            # A session of its own: Ctrl-C at the terminal reaches us first, and we decide about the order.
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, start_new_session=True)
        self._wait_until_ready()
        return self

    def _write_options(self):
        share = f"{self.root}/usr/share/mysql"
        lines = ["[mysqld]", f"basedir = {self.root}/usr", f"datadir = {self.data}", f"tmpdir = {self.directory}", f"port = {self.port}",
                 f"socket = {self.socket}", f"pid-file = {self.directory}/pid", f"init-file = {self.directory}/first.sql",
                 f"lc-messages-dir = {share}", f"character-sets-dir = {share}/charsets", f"plugin-dir = {self.root}/usr/lib/mysql/plugin"]
        if self.tls:
            self.ca, certificate, key = make_certificates(self.directory)
            lines += [f"ssl-ca = {self.ca}", f"ssl-cert = {certificate}", f"ssl-key = {key}"]
        with open(os.path.join(self.directory, "my.cnf"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + self.SETTINGS["both"] + self.SETTINGS[self.flavour])
        if self.account is None:
            return
        owner = pwd.getpwnam(self.account)
        for folder, _, files in os.walk(self.directory):
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            for name in files:
                os.chown(os.path.join(folder, name), owner.pw_uid, owner.pw_gid)

    def _wait_until_ready(self):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            if os.path.exists(self.socket) and self._client("-e", "SELECT 1").returncode == 0:
                return
            time.sleep(0.05)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"{self.flavour} did not start:\n{log.read()[-2000:]}")

    def _client(self, *arguments, database=None, user="root", password=None, stdin=None):
        program = self.program("mariadb" if self.flavour == "mariadb" else "mysql")
        command = [program, "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", str(self.port), "-u", user, "--batch",
                   "--skip-column-names", "--raw", "--default-character-set=utf8mb4", *arguments, *([database] if database else [])]
        environment = {**os.environ, "MYSQL_PWD": password or self.password}
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, errors="backslashreplace", timeout=300, check=False)

    def sql(self, *texts, database=None, user="root", password=None, stdin=None):
        """Runs SQL with the server's own command line client, stops at the first error, returns what it printed."""
        done = self._client(*(part for text in texts for part in ("-e", text)), database=database, user=user, password=password, stdin=stdin)
        if done.returncode != 0:
            raise RuntimeError(f"{self.flavour} client: {done.stderr.strip()}")
        return done.stdout

    def create(self, database, owner, password):
        """A database, and the account that may do everything in it and nothing elsewhere."""
        self.sql(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4; "
                 f"CREATE USER IF NOT EXISTS {owner}@'%' IDENTIFIED BY '{password}'; GRANT ALL ON {database}.* TO {owner}@'%'")

    def stop(self, keep=False):
        end(self.process, signal.SIGTERM)
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
