"""Whatever the storage asks for can be planned, however a session finds its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from candlehouse.storage.candles import page_writer, staging
from candlehouse.storage.database.queries import load_queries, parse_queries
from support.places import find_query_files

BATCH = "(SELECT symbol, timeframe, wanted_from FROM market.wanted_series)"
STATEMENTS = [
    (f"{path.stem}.{name}", statement)
    for path in find_query_files()
    for name, block in parse_queries(path.name, path.read_text()).blocks.items()
    for statement in re.sub(r"--.*", "", block).split(";")
    if statement.strip()
]
STAGING = ";".join(
    (
        load_queries(staging.__file__).sql("create_staging"),
        load_queries(page_writer.__file__).sql("create_stored"),
    )
)


@pytest.fixture
def connection(warehouse_url: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(warehouse_url)) as connection:
        yield connection


def fill_in(statement: str) -> str:
    """A parameter that is not known is NULL; timeframes are what this is about."""
    known = statement.replace("{timeframe}", "1h").replace("{batch}", BATCH)
    known = re.sub(r"(?<![:\w]):timeframe\b", "'1h'", known)
    return re.sub(r"(?<![:\w]):[a-z]\w*|%\(\w+\)s", "NULL", known)


def plan(connection: Connection, statement: str, path: str) -> str:
    """What is said against a statement, empty when nothing is."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL search_path = {path}")
        cursor.execute(STAGING)
        try:
            cursor.execute(f"EXPLAIN {fill_in(statement)}")
        except psycopg2.Error as error:
            return str(error).partition("\n")[0]
        finally:
            connection.rollback()
    return ""


@pytest.mark.parametrize("path", ["public", "public, market"])
def test_no_query_takes_a_timeframe_for_text(connection: Connection, path: str) -> None:
    said = {name: plan(connection, statement, path) for name, statement in STATEMENTS}
    assert {name: words for name, words in said.items() if "timeframe" in words} == {}
    # Most can be planned though most parameters are NULL here.
    assert sum(not words for words in said.values()) > len(said) * 0.7
