"""What all comparisons share: a process whose CPU is counted, the plain relay, and measurements by workload and target."""

import os
import re
import socket
import statistics
import subprocess
import time

from cluster import follow_parent, free_port
from proxy import Holdpoint, split_dsn


class Process:
    """CPU seconds and memory of one process, all its threads included."""

    def __init__(self, pid):
        self.pid = pid

    def cpu(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name):
        """A line of its status in MiB: VmRSS, VmHWM."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            found = re.search(rf"^{name}:\s+(\d+) kB", file.read(), re.MULTILINE)
        return int(found.group(1)) / 1024 if found else 0.0

    def forget_peak(self):
        try:
            with open(f"/proc/{self.pid}/clear_refs", "w", encoding="utf-8") as file:
                file.write("5")
        except OSError:
            pass


class Target:
    """One way to the database: where to connect, as whom, and whose CPU counts."""

    def __init__(self, name, port, user, password, process=None):
        self.name, self.port, self.user, self.password = name, port, user, password
        self.watched = Process(process.pid) if process else None
        self.process = process

    def cpu(self):
        return self.watched.cpu() if self.watched else 0.0


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def start_haproxy(directory, server, password):
    port, config = free_port(), os.path.join(directory, "haproxy.cfg")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"""global
  nbthread 2
  maxconn 500
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen relay
  bind 127.0.0.1:{port}
  server database 127.0.0.1:{server.port}
""")
    process = subprocess.Popen(follow_parent(["haproxy", "-db", "-q", "-f", config]), start_new_session=True)
    wait_for_port(port)
    return Target("haproxy (TCP, 2 threads)", port, "bench_app", password, process)


def start_holdpoint(directory, server, password, rules, protocol="postgres"):
    """An optimised build in front of `server`, with these rules and an agent of its own."""
    folder = os.path.join(directory, "rules")
    os.makedirs(folder)
    with open(os.path.join(folder, "bench.yaml"), "w", encoding="utf-8") as file:
        file.write(rules)
    people = {"mia@example.com": ["approvers"]}
    databases = {"bench": ("bench", "bench_app", password)}
    holdpoint = Holdpoint(directory, server, databases, people, folder, profile="release", protocol=protocol)
    login = split_dsn(holdpoint.add_agent("bench-bot", "mia@example.com", ["bench"]))
    holdpoint.start()
    return Target("Holdpoint", holdpoint.port, login["user"], login["password"], holdpoint.process)


def bulk(target, connect, sql):
    """A large result, over a connection of its own that only counts. Returns MB/s, the proxy's CPU seconds per GB, and how far its memory
    rose, in MiB."""
    client = connect("127.0.0.1", target.port, "bench", target.user, target.password)
    try:
        start_memory = 0.0
        if target.watched:
            target.watched.forget_peak()
            start_memory = target.watched.memory("VmRSS")
        before = target.cpu()
        size, seconds = client.count(sql)
        used = target.cpu() - before
    finally:
        client.close()
    peak = target.watched.memory("VmHWM") if target.watched else 0.0
    return {"speed": size / seconds / 1e6, "cpu": used / (size / 1e9), "peak": peak, "rise": peak - start_memory}


class Figures:
    """All measurements by workload and target, one list entry per round."""

    def __init__(self):
        self.measured = {}

    def note(self, workload, target, values):
        for what, value in values.items():
            self.measured.setdefault((workload, target, what), []).append(value)
        print(f"   {workload:28} {target:32} " + "  ".join(f"{what} {value:.2f}" for what, value in values.items()), flush=True)

    def median(self, workload, target, what):
        values = self.measured.get((workload, target, what))
        return statistics.median(values) if values else None

    def ratio(self, workload, target, what, base, base_workload=None):
        """The median of the ratios within each round."""
        ours, theirs = self.measured.get((workload, target, what)), self.measured.get((base_workload or workload, base, what))
        if not ours or not theirs or len(ours) != len(theirs) or not all(theirs):
            return None
        return statistics.median(a / b for a, b in zip(ours, theirs))


def cell(value, form="{:.2f}"):
    return form.format(value) if value is not None else "–"


def memory_table(figures, targets, workload):
    """Peak and rise of the proxies' memory during one workload."""
    lines = ["| target | peak memory during the result, MiB | risen by, MiB |", "| --- | --: | --: |"]
    for name in (target.name for target in targets[1:]):
        lines.append(f"| {name} | {cell(figures.median(workload, name, 'peak'), '{:.1f}')} | {cell(figures.median(workload, name, 'rise'), '{:.1f}')} |")
    return "\n".join(lines)


def turned(targets, number):
    """Every round begins with another target, so that no one always comes first."""
    return targets[number % len(targets):] + targets[:number % len(targets)]
