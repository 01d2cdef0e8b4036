"""The queries of README and docs run, for the role that may only read."""

from __future__ import annotations

import re

from sqlalchemy.exc import SQLAlchemyError

from candlehouse.storage.database.engine import connect
from documents.markdown_reading import list_documents, read_blocks, read_prose
from support.places import PROJECT

_RELATIONS = """
    SELECT relname FROM pg_class WHERE relnamespace = CAST('market' AS regnamespace)
    UNION SELECT proname FROM pg_proc WHERE pronamespace = CAST('market' AS regnamespace)
    UNION SELECT typname FROM pg_type WHERE typnamespace = CAST('market' AS regnamespace)
"""


def read_queries() -> list[tuple[str, str]]:
    """Every query, with the name of its document."""
    return [
        (document.relative_to(PROJECT).as_posix(), query)
        for document in list_documents()
        for block in read_blocks(document.read_text())
        if block.language == "sql"
        for query in block.text.split(";\n")
        if query.strip()
    ]


def test_queries_run_for_readers(analyst_url: str) -> None:
    queries = read_queries()
    assert len(queries) > 30
    assert {"README.md", "docs/how-to/queries.md", "docs/how-to/analysis.md"} <= {
        name for name, _ in queries
    }
    refused = {}
    engine = connect(analyst_url)
    try:
        with engine.connect() as connection:
            for name, query in queries:
                try:
                    connection.exec_driver_sql(query, execution_options={"no_parameters": True})
                except SQLAlchemyError as error:
                    refused[f"{name}: {query}"] = str(error).partition("\n")[0]
                connection.rollback()
    finally:
        engine.dispose()
    assert refused == {}


def test_relations_that_are_named_exist(analyst_url: str) -> None:
    engine = connect(analyst_url)
    with engine.connect() as connection:
        known = set(connection.exec_driver_sql(_RELATIONS).scalars())
    engine.dispose()
    for document in list_documents():
        named = set(re.findall(r"`market\.(\w+)", read_prose(document.read_text())))
        # candles_* stands for the tables of all timeframes.
        assert {name for name in named if not name.endswith("_")} <= known, document.name
