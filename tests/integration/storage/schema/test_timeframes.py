"""A timeframe that does not exist is an error, whoever asks for it in whichever way."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from sqlalchemy import Engine, text

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.engine import connect

ALLOWED = "'5M' is no timeframe: one of 1m, 5m, 15m, 30m, 1h, 4h, 1d"
SPAN = "'2024-01-01', '2024-01-02'"
# Texts of their own: empty where an expectation is about no timeframe, and lists.
FREE = {"validation_results"}
HAVE_ONE = """
SELECT c.relname, a.atttypid::regtype::text FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'timeframe'
WHERE c.relnamespace = 'market'::regnamespace AND c.relkind IN ('r', 'p', 'v')
"""


@pytest.fixture
def analyst(analyst_url: str) -> Iterator[Engine]:
    engine = connect(analyst_url)
    yield engine
    engine.dispose()


def refuse(engine: Engine, sql: str, message: str = ALLOWED, **values: object) -> None:
    with pytest.raises(Exception, match=message), engine.connect() as connection:
        connection.execute(text(sql), values).all()


def test_every_column_refuses_what_is_none(analyst: Engine) -> None:
    with analyst.connect() as connection:
        types = dict(connection.execute(text(HAVE_ONE)).all())
    assert {name for name, kind in types.items() if kind != "timeframe"} == FREE
    assert {"candles", "coverage", "coverage_totals", "gaps", "live_candles"} <= types.keys()
    for relation in types.keys() - FREE:
        refuse(analyst, f"SELECT * FROM {relation} WHERE timeframe = '5M'")
        refuse(analyst, f"SELECT * FROM {relation} WHERE '5M' <> timeframe")
        refuse(analyst, f"SELECT * FROM {relation} WHERE timeframe = :name", name="5M")


def test_lists_and_bare_sessions_are_refused_by_the_type(analyst: Engine) -> None:
    refuse(analyst, "SELECT * FROM candles WHERE timeframe = ANY (:names)", names=["5M"])
    refuse(analyst, "SELECT * FROM candles WHERE timeframe IN ('5m', '5M')", "invalid input value")
    with analyst.connect() as connection:
        connection.execute(text("SET search_path = pg_catalog"))
        with pytest.raises(Exception, match=r"invalid input value for enum market\.timeframe"):
            connection.execute(text("SELECT * FROM market.candles WHERE timeframe = '5M'"))


@pytest.mark.parametrize(
    "call",
    [
        f"candles_regular('BTCUSDT', '5M', {SPAN})",
        f"candles_outliers('BTCUSDT', '5M', {SPAN})",
        f"candles_normalized('BTCUSDT', '5M', {SPAN})",
        f"candles_of_asset('POL', '5M', {SPAN})",
        f"provenance('BTCUSDT', '5M', {SPAN})",
        f"resample('BTCUSDT', '1 day', {SPAN}, source => '5M')",
    ],
)
def test_functions_refuse_what_is_none(analyst: Engine, call: str) -> None:
    refuse(analyst, f"SELECT * FROM {call}")
    # However the caller's session finds things.
    with analyst.connect() as connection:
        connection.execute(text("SET search_path = pg_catalog"))
        with pytest.raises(Exception, match=ALLOWED):
            connection.execute(text(f"SELECT * FROM market.{call}"))
        connection.rollback()
        connection.execute(text("SET search_path = pg_catalog"))
        connection.execute(text(f"SELECT * FROM market.{call.replace('5M', '5m')}"))


def test_timeframes_sort_by_length_and_are_text_to_a_driver(analyst_url: str) -> None:
    with psycopg2.connect(analyst_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT timeframe FROM timeframes ORDER BY timeframe DESC")
        assert [name for (name,) in cursor.fetchall()] == [
            one.value for one in sorted(Timeframe, key=lambda one: -one.length)
        ]
    connection.close()
