from __future__ import annotations

import pytest

from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries, parse_queries
from support.places import find_query_files

SOURCE = """-- What stands before the first block is a comment.

-- name: select_one
SELECT CAST(:moment AS timestamptz), '{}'::jsonb;

-- name: count_candles
-- How many.
SELECT count(*) FROM market.candles_{timeframe} WHERE symbol = :symbol;
"""


def test_blocks_are_found_by_name_with_their_parameters() -> None:
    queries = parse_queries("demo.sql", SOURCE)

    assert list(queries.blocks) == ["select_one", "count_candles"]
    assert list(queries("select_one").compile().params) == ["moment"]
    assert "'{}'::jsonb" in str(queries("select_one"))


def test_timeframe_is_put_into_the_tables_name() -> None:
    sql = parse_queries("demo.sql", SOURCE).sql("count_candles", Timeframe.M15)

    assert "market.candles_15m WHERE" in sql


@pytest.mark.parametrize(
    ("name", "timeframe"),
    [("absent", None), ("count_candles", None), ("select_one", Timeframe.H1)],
)
def test_asking_for_what_the_file_does_not_have_is_an_error(
    name: str, timeframe: Timeframe | None
) -> None:
    with pytest.raises(LookupError, match=r"demo\.sql"):
        parse_queries("demo.sql", SOURCE).sql(name, timeframe)


def test_two_blocks_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two blocks 'a'"):
        parse_queries("demo.sql", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n")


def test_a_cast_that_would_hide_a_parameter_is_an_error() -> None:
    with pytest.raises(ValueError, match="a casts a parameter"):
        parse_queries("demo.sql", "-- name: a\nSELECT now()::date, :moment::timestamptz;\n")


def test_every_file_of_the_project_can_be_read() -> None:
    modules = [path.with_suffix(".py") for path in find_query_files()]
    assert len(modules) > 20
    for module in modules:
        assert load_queries(str(module)).blocks
