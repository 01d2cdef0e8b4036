"""Lists of parameters arrive as they were, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from candlehouse.storage import embedded
from candlehouse.storage.database.engine import connect


@pytest.fixture(scope="module")
def engine(embedded_server: embedded.Server) -> Iterator[Engine]:
    engine = connect(embedded_server.url("owner"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("text", ["", "NULL", None, 'a "b" \\ {c,d} \n\t', "币安人生USDT", "it's", "%s :x"]),
        ("timestamptz", [datetime(2017, 8, 17, 4, tzinfo=UTC), None]),
        ("date", [date(2025, 1, 2)]),
        ("bigint", [-1, 2**62]),
        ("boolean", [True, False]),
        ("numeric", [Decimal("0.10000000"), Decimal("1E+3")]),
        ("integer", []),
    ],
)
def test_a_list_arrives_as_it_was(engine: Engine, kind: str, items: list[object]) -> None:
    with engine.connect() as connection:
        query = text(f"SELECT CAST(:items AS {kind}[])")
        assert connection.execute(query, {"items": items}).scalar_one() == items


def test_lists_that_only_the_driver_can_write_arrive_too(engine: Engine) -> None:
    with engine.connect() as connection:
        query = text("SELECT CAST(:items AS bytea[])")
        (found,) = connection.execute(query, {"items": [b"\x00\xff"]}).scalar_one()
    assert bytes(found) == b"\x00\xff"
