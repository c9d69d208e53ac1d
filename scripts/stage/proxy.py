"""A Holdpoint of our own: configuration, credentials, the process, and its HTTP API as a person would use it."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from cluster import end, follow_parent, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(profile="debug"):
    """The program as `cargo build` left it; HOLDPOINT_BIN names another one."""
    named = os.environ.get("HOLDPOINT_BIN")
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
    return named or os.path.join(target, profile, "holdpoint")


class Refused(Exception):
    """The API said no: its status and its problem document."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.problem = problem

    @property
    def kind(self):
        return str(self.problem.get("type", "")).rsplit("/", 1)[-1]


class Holdpoint:
    """One proxy in front of one server. `databases` maps a front name to (database, user, password) there; all of them speak
    `protocol`, and clients connect to `port`."""

    def __init__(self, directory, cluster, databases, people, rules, tls=False, ports=(0, 0), hold="5m", profile="debug", protocol="postgres", extra=()):
        self.directory = os.path.join(directory, "holdpoint")
        self.program = program(profile)
        self.config = os.path.join(self.directory, "holdpoint.yaml")
        self.log = os.path.join(self.directory, "log")
        self.port, self.api_port = free_port(ports[0]), free_port(ports[1])
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.cluster, self.protocol = cluster, protocol
        self.process = None
        os.makedirs(self.directory, mode=0o700)
        self._write_config(databases, people, rules, tls, hold, extra)

    def _write_config(self, databases, people, rules, tls, hold, extra):
        lines = ["version: 1"]
        if self.protocol != "postgres":
            lines += ["postgres:", f'  listen: "127.0.0.1:{free_port()}"']
        lines += [f"{self.protocol}:", f'  listen: "127.0.0.1:{self.port}"']
        if tls:
            key, certificate = (os.path.join(self.cluster.directory, name) for name in ("server.key", "server.pem"))
            lines.append(f"  tls: {{ mode: optional, cert: {certificate}, key: {key} }}")
        lines += ["api:", f'  listen: "127.0.0.1:{self.api_port}"', f"store: {os.path.join(self.directory, 'data')}", f"rules: {rules}", "databases:"]
        for name, (database, user, password) in databases.items():
            password_file = os.path.join(self.directory, f"{name}.password")
            with open(password_file, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(password)
            lines.append(f"  {name}: {{ protocol: {self.protocol}, host: 127.0.0.1, port: {self.cluster.port}, database: {database}, user: {user}, password_file: {password_file}, sslmode: prefer }}")
        lines.append("people:")
        lines += [f"  - {{ name: {name}, groups: [{', '.join(groups)}] }}" for name, groups in people.items()]
        lines += [f"hold: {{ hold: {hold} }}", *extra]
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def run(self, *arguments, token=None, check=True, timeout=60):
        """Runs one `holdpoint` command and returns the finished process."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDPOINT_")}
        if token is not None:
            environment |= {"HOLDPOINT_URL": self.url, "HOLDPOINT_TOKEN": token}
        command = [self.program, "--config", self.config, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"holdpoint {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def add_agent(self, name, owner, databases=()):
        """Adds an agent; returns the DSN that is shown once."""
        which = [part for database in databases for part in ("--database", database)]
        done = self.run("agents", "add", name, "--owner", owner, *which)
        found = re.search(r"(?:postgres(?:ql)?|mysql)://\S+", done.stdout)
        if not found:
            raise RuntimeError(f"holdpoint agents add printed no DSN: {done.stdout.strip()}")
        return found.group(0)

    def add_token(self, person, *scopes):
        """Makes a token for a person; returns it, shown once."""
        which = [part for scope in scopes for part in ("--scope", scope)]
        done = self.run("tokens", "create", "--person", person, *which)
        found = re.search(r"hpt_\S+", done.stdout)
        if not found:
            raise RuntimeError(f"holdpoint tokens create printed no token: {done.stdout.strip()}")
        return found.group(0)

    def start(self, probe="readyz"):
        """Returns when it says so at this path: `readyz` waits for all its databases, `healthz` for none."""
        with open(self.log, "ab") as log:
            command = follow_parent([self.program, "--config", self.config, "serve"])
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/{probe}", timeout=5) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"Holdpoint did not get ready:\n{self.tail_of_log()}")

    def tail_of_log(self, size=3000):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()[-size:]
        except OSError:
            return ""

    def api(self, method, path, token, body=None):
        """One request to the HTTP API. Returns the JSON answer; raises `Refused` if it is a no."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {"detail": text}
            raise Refused(refusal.code, problem) from None

    def pending(self, token):
        """The approvals that wait for a decision, whole."""
        listed = self.api("GET", "/v1/approvals?state=pending", token)
        if isinstance(listed, dict):
            listed = listed.get("approvals", listed.get("items", []))
        return listed

    def decide(self, approval, verb, token, reason=None):
        """Approves or denies what was shown: the digest goes along."""
        body = {"digest": approval["request"]["digest"]}
        if reason is not None:
            body["reason"] = reason
        return self.api("POST", f"/v1/approvals/{approval['id']}:{verb}", token, body)

    def wait_for_pending(self, token, about, patience=30.0):
        """The first pending approval whose request mentions `about`."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for approval in self.pending(token):
                if about in json.dumps(approval["request"]):
                    return approval
            time.sleep(0.05)
        raise RuntimeError(f"no approval about {about} turned up within {patience:.0f} s")

    def stop(self):
        end(self.process, signal.SIGTERM)


def split_dsn(dsn):
    """User, password, host, port and database of a DSN."""
    parts = urllib.parse.urlsplit(dsn)
    return {
        "user": urllib.parse.unquote(parts.username or ""),
        "password": urllib.parse.unquote(parts.password or ""),
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path.lstrip("/"),
    }
