"""Confirmations on both storage paths, and what is still to be confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.candles.page_writer import Written, lock_series, write_candles
from candlehouse.storage.database.engine import connect
from candlehouse.storage.truth.confirmations import (
    Confirmation,
    record_confirmations,
    select_confirmed_until,
    select_unconfirmed,
)
from support.data.live_updates import make_update

T0 = datetime(2024, 2, 28, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
M1, M5 = Timeframe.M1, Timeframe.M5
BTC, ETH = Series("BTCUSDT", M1), Series("ETHUSDT", M1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def minutes(first: int, last: int) -> Span:
    return Span(T0 + first * MINUTE, T0 + last * MINUTE)


def confirm(engine: Engine, *confirmations: Confirmation, minute: int = 0) -> None:
    with engine.begin() as connection:
        record_confirmations(connection, confirmations, T0 + minute * MINUTE)


def rest(first: int, last: int, candles: int, differing: int = 0) -> Confirmation:
    return Confirmation(BTC, minutes(first, last), Source.REST, candles, differing)


def stored(engine: Engine) -> list[tuple[object, ...]]:
    query = (
        "SELECT symbol, timeframe, source, extract(epoch FROM range_start - :zero)::integer / 60,"
        " extract(epoch FROM range_end - :zero)::integer / 60, candles, differing,"
        " extract(epoch FROM checked_at - :zero)::integer / 60"
        " FROM market.confirmations ORDER BY symbol, timeframe, source, range_start"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), {"zero": T0})]


def write(
    engine: Engine, source: Source, span: Span, *, close: str = "2.00", series: Series = BTC
) -> Written:
    count = (span.end - span.start) // MINUTE
    updates = [make_update(series, span.start + n * MINUTE, close=close) for n in range(count)]
    page = CheckedPage(series, span, source, CandleRows.of_lines([one.line for one in updates]))
    with engine.begin() as connection:
        lock_series(connection, [series])
        return write_candles(connection, [page])


def test_a_day_of_confirmations_is_one_row(engine: Engine) -> None:
    for first in range(0, 1440, 160):
        confirm(engine, rest(first, first + 160, 160, first // 1280), minute=first)
    assert stored(engine) == [("BTCUSDT", "1m", "rest", 0, 1440, 1440, 1, 1280)]
    confirm(engine, rest(1440, 1445, 5))
    assert [row[3:5] for row in stored(engine)] == [(0, 1440), (1440, 1445)]


def test_series_and_sources_have_ranges_of_their_own(engine: Engine) -> None:
    span = minutes(0, 5)
    others = [
        Confirmation(ETH, span, Source.REST, 5, 0),
        Confirmation(Series("BTCUSDT", M5), span, Source.REST, 1, 0),
        Confirmation(BTC, minutes(2, 5), Source.ARCHIVE, 3, 0),
    ]
    confirm(engine, rest(0, 5, 5), *others)
    confirm(engine, rest(5, 7, 2))
    assert [row[:6] for row in stored(engine)] == [
        ("BTCUSDT", "1m", "archive", 2, 5, 3),
        ("BTCUSDT", "1m", "rest", 0, 7, 7),
        ("BTCUSDT", "5m", "rest", 0, 5, 1),
        ("ETHUSDT", "1m", "rest", 0, 5, 5),
    ]


def test_a_range_that_joins_others_takes_their_rows(engine: Engine) -> None:
    confirm(engine, rest(10, 20, 10), rest(30, 40, 10, 1), rest(60, 70, 10))
    confirm(engine, rest(0, 35, 35), minute=5)
    assert [row[3:] for row in stored(engine)] == [(0, 40, 40, 1, 5), (60, 70, 10, 0, 0)]
    confirm(engine)
    confirm(engine, rest(50, 50, 0))
    assert len(stored(engine)) == 2


def test_a_range_across_midnight_becomes_a_row_a_day(engine: Engine) -> None:
    confirm(engine, rest(1430, 1450, 20, 1))
    assert [row[3:7] for row in stored(engine)] == [(1430, 1440, 10, 1), (1440, 1450, 10, 0)]


def test_the_newest_confirmed_range_says_until_when(engine: Engine) -> None:
    confirm(engine, rest(0, 5, 5), rest(60, 70, 10))
    confirm(engine, Confirmation(ETH, minutes(0, 9), Source.ARCHIVE, 9, 0))
    confirm(engine, Confirmation(Series("ETHUSDT", M5), minutes(0, 90), Source.REST, 9, 0))
    with engine.connect() as connection:
        found = select_confirmed_until(connection, M1, ["BTCUSDT", "ETHUSDT", "XRPUSDT"])
        assert found == {"BTCUSDT": minutes(0, 70).end, "ETHUSDT": minutes(0, 9).end}
        assert select_confirmed_until(connection, M1, ["XRPUSDT"]) == {}


def test_unconfirmed_are_candles_of_a_stream_that_no_range_covers(engine: Engine) -> None:
    write(engine, Source.STREAM, minutes(1430, 1460))
    write(engine, Source.REST, minutes(1460, 1470))
    write(engine, Source.STREAM, minutes(0, 3), series=ETH)

    def unconfirmed(since: int) -> dict[str, Span]:
        with engine.connect() as connection:
            symbols = ["BTCUSDT", "ETHUSDT", "XRPUSDT"]
            return select_unconfirmed(connection, M1, symbols, T0 + since * MINUTE)

    assert unconfirmed(0) == {"BTCUSDT": minutes(1430, 1460), "ETHUSDT": minutes(0, 3)}
    assert unconfirmed(1435) == {"BTCUSDT": minutes(1435, 1460)}
    # A day that was confirmed from its beginning, the end of the newest, and one in between.
    confirm(engine, rest(0, 1435, 5), rest(1455, 1460, 5), rest(1441, 1443, 2))
    confirm(engine, Confirmation(Series("ETHUSDT", M5), minutes(0, 5), Source.REST, 1, 0))
    assert unconfirmed(0) == {"BTCUSDT": minutes(1435, 1455), "ETHUSDT": minutes(0, 3)}
    confirm(engine, Confirmation(ETH, minutes(0, 3), Source.ARCHIVE, 3, 0), rest(1435, 1455, 20))
    assert unconfirmed(0) == {}


def test_the_writer_says_how_many_stored_candles_it_confirmed(engine: Engine) -> None:
    write(engine, Source.STREAM, minutes(0, 10))
    write(engine, Source.ARCHIVE, minutes(0, 3), series=ETH)
    first = write(engine, Source.REST, minutes(0, 4), close="2.50")
    assert (first.inserted, first.corrected) == (0, 4)
    assert (first.equal, first.differing) == ({}, {"BTCUSDT": 4})
    again = write(engine, Source.REST, minutes(2, 12), close="2.50")
    assert (again.equal, again.differing) == ({"BTCUSDT": 2}, {"BTCUSDT": 6})
    refused = write(engine, Source.REST, minutes(1, 5), close="2.50", series=ETH)
    assert (refused.inserted, refused.refused) == (2, 2)
    assert (refused.equal, refused.differing) == ({}, {"ETHUSDT": 2})
    assert write(engine, Source.REST, minutes(0, 3), close="2.50", series=ETH).differing == {
        "ETHUSDT": 3
    }
    together = first + again + refused
    assert together.equal == {"BTCUSDT": 2}
    assert together.differing == {"BTCUSDT": 10, "ETHUSDT": 2}
