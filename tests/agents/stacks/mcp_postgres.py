"""The reference MCP server for PostgreSQL, with nothing but a DSN. It runs everything in a read-only transaction."""

import os

import reading
from mcp_client import Host

SERVER = os.path.join(os.environ["HP_MODULES"], "@modelcontextprotocol", "server-postgres", "dist", "index.js")


def play(ask, resources):
    names = [resource.name for resource in resources().resources]
    reading.check("tables", any("customers" in name for name in names), str(names))
    reading.everything(ask, transaction=True)


Host("node", [SERVER, os.environ["HP_DSN"]], dict(os.environ), "query", "sql").run(play)

# The reason rides in the DSN.
reasoned = os.environ["HP_DSN"] + ("&" if "?" in os.environ["HP_DSN"] else "?") + "options=-c%20holdpoint.reason%3Dchurn"


def play_reasoned(ask, _resources):
    read = ask("SELECT id, note FROM why_me ORDER BY id")
    reading.check("reason_in_the_dsn", "row 1" in read and "reason required" not in read, read)


Host("node", [SERVER, reasoned], dict(os.environ), "query", "sql").run(play_reasoned)
