"""The queries of the README run, for the role that may only read."""

from __future__ import annotations

import re

from candlehouse.storage.database.engine import connect
from support.places import PROJECT

README = PROJECT / "README.md"


def read_queries() -> list[str]:
    blocks = re.findall(r"^```sql\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    return [query for block in blocks for query in block.split(";\n") if query.strip()]


def test_queries_run_for_readers(analyst_url: str) -> None:
    queries = read_queries()
    assert len(queries) > 10
    engine = connect(analyst_url)
    try:
        with engine.connect() as connection:
            for query in queries:
                connection.exec_driver_sql(query, execution_options={"no_parameters": True})
    finally:
        engine.dispose()
