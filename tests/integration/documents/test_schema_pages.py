"""The reference of tables and functions says what a migrated database says of itself."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from candlehouse.storage.database.engine import connect
from documents.generated_pages import DOCS, PAGES, render_page
from documents.schema_blocks import read_functions, read_relations

PAGE = "reference/tables.md"


def test_page_is_up_to_date(fresh_database: Callable[..., str]) -> None:
    text = (DOCS / PAGE).read_text()

    def compare(connection: Connection) -> None:
        assert render_page(PAGE, text, connection) == text, "run make reference"
        assert set(PAGES[PAGE]) == {"relations", "functions"}

    with_database(fresh_database(timescale=False), compare)


def test_every_table_column_and_function_is_explained(fresh_database: Callable[..., str]) -> None:
    def look(connection: Connection) -> None:
        relations = read_relations(connection)
        assert {"candles", "candles_1h", "gaps", "coverage"} <= relations.keys()
        # Partitions are no tables of their own for a reader.
        assert not any(name.startswith("candles_1h_") for name in relations)
        for relation in relations.values():
            assert relation.says, relation.name
            assert relation.is_view or relation.key, relation.name
            assert all(column.says for column in relation.columns), relation.name
        assert all(row.says for row in read_functions(connection))

    with_database(fresh_database(timescale=False), look)


def with_database(url: str, use: Callable[[Connection], None]) -> None:
    engine = connect(url)
    try:
        with engine.connect() as connection:
            use(connection)
    finally:
        engine.dispose()
