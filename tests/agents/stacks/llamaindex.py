"""LlamaIndex: the retriever that runs the SQL a model wrote."""

import os

import reading
from llama_index.core import SQLDatabase
from llama_index.core.retrievers import SQLRetriever
from sqlalchemy import create_engine

DRIVER = "postgresql+psycopg2" if reading.SERVER == "postgres" else "mysql+pymysql"
URL = f"{DRIVER}://{os.environ['HP_USER']}:{os.environ['HP_PASSWORD']}@{os.environ['HP_HOST']}:{os.environ['HP_PORT']}/{os.environ['HP_DATABASE']}"

database = SQLDatabase(create_engine(URL), max_string_length=1_000_000)
retriever = SQLRetriever(database, return_raw=True)


def ask(sql):
    """What a query engine puts in front of the model: the nodes, or what went wrong."""
    try:
        return "\n".join(node.get_content() for node in retriever.retrieve(sql))
    except Exception as error:  # noqa: BLE001: the engine shows whatever it was
        return f"Error: {error}"


reading.check("tables", "customers" in database.get_usable_table_names(), str(database.get_usable_table_names()))
reading.check("description", "email" in database.get_single_table_info("customers"), database.get_single_table_info("customers"))
reading.everything(ask, transaction=reading.SERVER == "postgres")
