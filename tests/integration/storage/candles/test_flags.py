"""A candle has the flags of its values, whichever way it came, and keeps none of older ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage, Page, PublishedPage, RejectedRow
from candlehouse.core.candles.published_rows import PublishedRows
from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.storage.candles.page_writer import Written, lock_series, write_candles
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.closed_candles import insert_closed
from candlehouse.storage.upkeep.maintenance import convert_old_chunks, has_timescale

T0 = datetime(2024, 2, 28, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)
HOUR_MS = Timeframe.H1.length_ms
UNKNOWN = r"\N"
DAY_SPAN = Span(T0, T0 + 24 * HOUR)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def items(opens: datetime = T0, **changed: object) -> list[str]:
    """A candle's items without its symbol, as a page has them."""
    values: dict[str, object] = {
        "open_time": to_ms(opens), "open": "1.0", "high": "3.0", "low": "0.5", "close": "2.0",
        "volume": "7.1", "close_time": to_ms(opens) + HOUR_MS - 1, "quote": "14.2", "trades": 5,
        "taker": "3.5", "taker_quote": "7.0",
    }  # fmt: skip
    assert changed.keys() <= values.keys()
    return [str(value) for value in {**values, **changed}.values()]


STILL: dict[str, object] = {"open": "2.0", "high": "2.0", "low": "2.0"}
NOTHING: dict[str, object] = {"volume": "0.0", "quote": "0.0", "taker": "0.0", "taker_quote": "0.0"}
CASES: list[tuple[dict[str, object], list[str] | None]] = [
    ({}, None),
    ({"close_time": to_ms(T0) + 2_380_151}, ["odd_close_time"]),
    ({"close_time": to_ms(T0) - 1}, ["odd_close_time"]),
    ({"close_time": to_ms(T0) + HOUR_MS}, ["odd_close_time"]),
    ({**NOTHING, **STILL, "trades": 0}, ["zero_volume"]),
    ({**NOTHING, "trades": 0}, ["trades_disagree", "zero_volume"]),
    ({**NOTHING, **STILL}, ["trades_disagree", "zero_volume"]),
    ({"trades": 0}, ["trades_disagree"]),
    (
        {**NOTHING, **STILL, "trades": 0, "close_time": to_ms(T0) + 5},
        ["odd_close_time", "zero_volume"],
    ),
]


def page(*rows: list[str], source: Source = Source.REST, rejected: str = "") -> Page:
    lines = "".join("\t".join(("BTCUSDT", *row)) + "\n" for row in rows)
    refused = (RejectedRow(rejected, DUPLICATE_OPEN_TIME, T0),) if rejected else ()
    return CheckedPage(BTC, DAY_SPAN, source, CandleRows(lines), refused)


def file(*rows: list[str], unit: int = 1) -> Page:
    """The same as a published file has it, in milliseconds or microseconds."""
    lines = []
    for row in rows:
        times = {at: str(int(row[at]) * unit + (unit - 1 if at else 0)) for at in (0, 6)}
        lines.append(",".join([times.get(at, item) for at, item in enumerate(row)]) + ",0\n")
    published = PublishedRows("".join(lines).encode(), len(rows))
    return PublishedPage(BTC, DAY_SPAN, Source.ARCHIVE, published)


def write(engine: Engine, *pages: Page) -> Written:
    with engine.begin() as connection:
        lock_series(connection, [BTC])
        return write_candles(connection, pages)


def stream(engine: Engine, row: list[str]) -> list[CandleUpdate]:
    line = "\t".join(("BTCUSDT", *row))
    update = CandleUpdate(candle_channel(BTC), int(row[0]), int(row[0]) + HOUR_MS, True, line)
    with engine.begin() as connection:
        lock_series(connection, [BTC])
        return insert_closed(connection, Timeframe.H1, [update])


def flags(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        sql = "SELECT flags FROM market.candles ORDER BY open_time"
        return list(connection.execute(text(sql)).scalars())


def clear(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM market.candles_1h"))
        connection.execute(text("DELETE FROM market.coverage_days"))


def compress(engine: Engine) -> None:
    """Puts what is stored into the columnstore, if there is one."""
    with engine.connect() as connection:
        timescale = has_timescale(connection)
    if timescale:
        assert convert_old_chunks(engine, T0 + timedelta(days=900)) != []


def test_the_same_candle_has_the_same_flags_by_every_way(engine: Engine) -> None:
    for changed, expected in CASES:
        row = items(**changed)
        write(engine, page(row))
        assert flags(engine) == [expected], changed
        for published in (file(row), file(row, unit=1000)):
            clear(engine)
            write(engine, published)
            assert flags(engine) == [expected], changed
        clear(engine)
        assert stream(engine, row) == []
        assert flags(engine) == [expected], changed
        clear(engine)


def test_a_candle_off_the_grid_says_so_by_every_way(engine: Engine) -> None:
    opens = T0 + timedelta(minutes=28, milliseconds=789)
    row = items(opens, close_time=to_ms(T0) + HOUR_MS - 1)
    assert len(stream(engine, row)) == 1, "left to the general writer"
    for published in (page(row), file(row), file(row, unit=1000)):
        write(engine, published)
        assert flags(engine) == [["odd_close_time", "off_grid"]]
        clear(engine)


def test_a_correction_brings_the_flags_of_its_own_values(engine: Engine) -> None:
    odd = items(close_time=to_ms(T0) + 5)
    write(engine, page(odd, items(T0 + HOUR), source=Source.STREAM))
    plain = write(engine, page(items(), items(T0 + HOUR, trades=0)))
    assert plain.corrected == 2
    assert flags(engine) == [None, ["trades_disagree"]]
    assert write(engine, page(odd, source=Source.STREAM)).refused == 1
    assert flags(engine) == [None, ["trades_disagree"]]


def test_more_quote_bought_than_traded_is_no_candle_by_every_way(engine: Engine) -> None:
    row = items(taker_quote="14.3")
    assert len(stream(engine, row)) == 1, "left to the general writer"
    assert write(engine, page(row)) == Written(quarantined=1, uneven=frozenset({"BTCUSDT"}))
    with engine.connect() as connection:
        sql = "SELECT rule FROM market.quarantined_candles"
        assert list(connection.execute(text(sql)).scalars()) == ["taker_above_total"]


def test_a_candle_whose_open_time_came_twice_says_so_for_good(engine: Engine) -> None:
    write(engine, page(items(trades=0), rejected="another row"))
    twice = ["duplicate_open_time", "trades_disagree"]
    assert flags(engine) == [twice]
    compress(engine)
    assert write(engine, page(items(trades=0), rejected="another row")) == Written(quarantined=1)
    assert flags(engine) == [twice]
    assert write(engine, page(items())).corrected == 1
    assert flags(engine) == [["duplicate_open_time"]]


def test_what_was_stored_before_its_other_row_came_is_flagged_too(engine: Engine) -> None:
    write(engine, page(items(), items(T0 + HOUR)))
    compress(engine)
    written = write(engine, page(items(), rejected="another row"))
    assert (written.corrected, written.quarantined) == (0, 1)
    assert flags(engine) == [["duplicate_open_time"], None]


def few(**changed: object) -> list[str]:
    unknown = dict.fromkeys(("quote", "trades", "taker", "taker_quote"), UNKNOWN)
    return items(**{**unknown, **changed})


def test_a_row_of_few_columns_confirms_one_of_many_and_never_replaces_it(engine: Engine) -> None:
    write(engine, page(items(close_time=to_ms(T0) + 5)))
    confirmed = write(engine, page(few()))
    assert confirmed == Written()
    assert confirmed.equal == {"BTCUSDT": 1}
    assert write(engine, page(few(close="2.5"))).refused == 1
    assert write(engine, page(items(close_time=to_ms(T0) + 5))) == Written()


def test_a_row_of_many_columns_replaces_one_of_few(engine: Engine) -> None:
    write(engine, page(few(volume="0.0", **STILL)))
    assert flags(engine) == [["zero_volume"]]
    assert write(engine, page(few(volume="0.0", **STILL))) == Written()
    assert write(engine, page(items())).corrected == 1
    assert flags(engine) == [None]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT trades FROM market.candles")).scalar() == 5


def test_rows_that_lack_single_columns_confirm_add_and_never_take_away(engine: Engine) -> None:
    lacks_takers = {"taker": UNKNOWN, "taker_quote": UNKNOWN}
    write(engine, page(items(trades=UNKNOWN, **lacks_takers)))
    # Knows fewer columns, and has the same values in them.
    assert write(engine, page(few())).equal == {"BTCUSDT": 1}
    # Knows one more.
    assert write(engine, page(items(**lacks_takers))).corrected == 1
    assert write(engine, page(items(quote=UNKNOWN, **lacks_takers))) == Written()
    # Knows what is not stored, and lacks what is: neither is dropped in silence.
    assert write(engine, page(items(trades=UNKNOWN))).refused == 1
    with engine.connect() as connection:
        sql = "SELECT reason FROM market.corrections WHERE NOT applied"
        assert connection.execute(text(sql)).scalar() == "knows_less"
        sql = "SELECT quote_volume IS NULL, trades, taker_buy_volume FROM market.candles"
        assert connection.execute(text(sql)).one() == (False, 5, None)
