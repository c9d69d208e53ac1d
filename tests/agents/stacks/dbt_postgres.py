"""dbt: a model that becomes a table, and a test of it. Its DDL is held, and a person approves it."""

import os
import re
import subprocess

import reading

HOME = os.path.join(os.environ["HP_DIRECTORY"], "dbt")
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodel-paths: [models]\nflags: {{ send_anonymous_usage_stats: false }}\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      host: {host}\n      port: {port}\n      user: {user}\n      password: '{password}'\n"
                    "      dbname: {database}\n      schema: public\n      threads: 1\n      connect_timeout: 10\n",
    "models/ids.sql": "{{{{ config(materialized='table') }}}}\nselect id, name from public.customers\n",
    "models/wrong.sql": "{{{{ config(materialized='table', enabled=var('wrong', false)) }}}}\nselect id, note from public.deny_me\n",
    "models/schema.yml": "version: 2\nmodels:\n  - name: ids\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n",
}


def dbt(*arguments):
    done = subprocess.run(["dbt", "--no-use-colors", *arguments, "--project-dir", HOME, "--profiles-dir", HOME], capture_output=True, text=True,
                          timeout=100, check=False, cwd=HOME)
    return done.returncode, done.stdout + done.stderr


login = {name: os.environ[f"HP_{name.upper()}"] for name in ("host", "port", "user", "password", "database")}
for name, text in FILES.items():
    path = os.path.join(HOME, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.format(**login))
code, read = dbt("debug")
reading.check("debug", code == 0 and "All checks passed" in read, read[-600:])
code, read = dbt("run", "--select", "ids")
reading.check("run", code == 0 and "Completed successfully" in read, read[-600:])
code, read = dbt("test", "--select", "ids")
reading.check("test", code == 0 and "Completed successfully" in read, read[-600:])
code, read = dbt("run", "--select", "wrong", "--vars", "{wrong: true}")
reading.check("denied", code != 0 and re.search(reading.DENIED, " ".join(read.split())) is not None, read[-900:])
