"""LangChain: the tool that a SQL agent calls."""

import os

import reading
from langchain_community.tools.sql_database.tool import QuerySQLDatabaseTool
from langchain_community.utilities import SQLDatabase

DRIVER = "postgresql+psycopg2" if reading.SERVER == "postgres" else "mysql+pymysql"
URL = f"{DRIVER}://{os.environ['HP_USER']}:{os.environ['HP_PASSWORD']}@{os.environ['HP_HOST']}:{os.environ['HP_PORT']}/{os.environ['HP_DATABASE']}"

database = SQLDatabase.from_uri(URL, max_string_length=1_000_000)
tool = QuerySQLDatabaseTool(db=database)
reading.check("tables", "customers" in database.get_usable_table_names(), str(database.get_usable_table_names()))
reading.everything(lambda sql: str(tool.invoke({"query": sql})), transaction=reading.SERVER == "postgres")

# The reason rides in the DSN, once for all that this agent does.
options = {"options": "-c holdpoint.reason=churn"} if reading.SERVER == "postgres" else {"init_command": "SET @holdpoint_reason = 'churn'"}
reasoned = QuerySQLDatabaseTool(db=SQLDatabase.from_uri(URL, engine_args={"connect_args": options}, max_string_length=1_000_000))
read = str(reasoned.invoke({"query": "SELECT id, note FROM why_me ORDER BY id"}))
reading.check("reason_in_the_dsn", "row 1" in read and "reason required" not in read, read)
