"""An MCP server for MySQL and MariaDB, which makes a connection for each call."""

import os

import reading
from mcp_client import Host

LOGIN = {"MYSQL_HOST": os.environ["HP_HOST"], "MYSQL_PORT": os.environ["HP_PORT"], "MYSQL_USER": os.environ["HP_USER"],
         "MYSQL_PASSWORD": os.environ["HP_PASSWORD"], "MYSQL_DATABASE": os.environ["HP_DATABASE"]}


def play(ask, resources):
    names = [resource.name for resource in resources().resources]
    reading.check("tables", any("customers" in name for name in names), str(names))
    reading.everything(ask)
    read = ask("SELECT id, note FROM why_me ORDER BY id /*reason='churn'*/")
    reading.check("reason_in_the_statement", "row 1" in read and "reason required" not in read, read)


Host("mysql_mcp_server", [], {**os.environ, **LOGIN}, "execute_sql", "query").run(play)
