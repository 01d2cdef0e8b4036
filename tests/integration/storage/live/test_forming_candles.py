"""What is forming now, on both storage paths: it only ever moves on."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.price_updates import PriceUpdate, price_channel
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.storage.database.engine import connect
from candlehouse.storage.live.forming_candles import forming_statement, keep_forming
from candlehouse.storage.live.latest_prices import keep_prices, prices_statement
from candlehouse.storage.live.statements import execute_without_waiting
from support.data.live_updates import make_update, seconds

T0 = datetime(2024, 2, 28, 12, 0, tzinfo=UTC)
BTC, BTC5 = Series("BTCUSDT", Timeframe.M1), Series("BTCUSDT", Timeframe.M5)
ETH = Series("ETHUSDT", Timeframe.M1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def forming(
    series: Series, minute: int, second: float, close: str, closed: bool = False
) -> CandleUpdate:
    opens = T0 + minute * MINUTE
    return make_update(series, opens, event=opens + seconds(second), closed=closed, close=close)


def price(symbol: str, second: float, text: str) -> PriceUpdate:
    return PriceUpdate(
        price_channel(symbol), to_ms(T0 + seconds(second)), text, "10.50000000", "21.00000000"
    )


def write_latest(
    connection: Connection, updates: Sequence[CandleUpdate], prices: Sequence[PriceUpdate]
) -> None:
    statements = [forming_statement(updates), prices_statement(prices)]
    execute_without_waiting(connection, statements)


def write(engine: Engine, *updates: CandleUpdate, prices: tuple[PriceUpdate, ...] = ()) -> None:
    with engine.begin() as connection:
        write_latest(connection, updates, prices)


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def shown(engine: Engine) -> list[tuple[object, ...]]:
    return rows(
        engine,
        "SELECT symbol, timeframe, open_time, close::text, is_closed, event_time"
        " FROM market.live_candles ORDER BY symbol, timeframe",
    )


def test_each_series_has_one_row_with_every_value(engine: Engine) -> None:
    volume = "123456789012345.12345678"
    update = make_update(BTC, T0, event=T0 + seconds(3.25), closed=False, volume=volume)
    write(engine, update, forming(BTC5, 0, 1, "2.5"), forming(ETH, 0, 1, "2.0"))
    write(engine, forming(ETH, 0, 2, "2.1"))
    assert rows(engine, "SELECT symbol, timeframe FROM market.live_candles ORDER BY 1, 2") == [
        ("BTCUSDT", "1m"), ("BTCUSDT", "5m"), ("ETHUSDT", "1m"),
    ]  # fmt: skip
    assert rows(
        engine,
        "SELECT open_time, close_time, open::text, high::text, low::text, close::text,"
        " volume::text, quote_volume::text, trades, taker_buy_volume::text,"
        " taker_buy_quote_volume::text, is_closed, event_time,"
        " updated_at > clock_timestamp() - interval '1 minute'"
        " FROM market.live_candles WHERE symbol = 'BTCUSDT' AND timeframe = '1m'",
    ) == [
        (T0, T0 + MINUTE - timedelta(milliseconds=1), "1.00000000", "3.00000000", "0.50000000",
         "2.00000000", volume, "14.20000001", 5, "3.50000000", "7.00000000", False,
         T0 + seconds(3.25), True)
    ]  # fmt: skip


def test_a_candle_never_moves_back(engine: Engine) -> None:
    write(engine, forming(BTC, 1, 30, "2.3"))
    write(engine, forming(BTC, 1, 29, "2.2"), forming(BTC, 0, 59, "2.1"))
    write(engine, forming(BTC, 0, 90, "2.1", closed=True))
    assert shown(engine) == [("BTCUSDT", "1m", T0 + MINUTE, "2.3", False, T0 + seconds(90))]
    write(engine, forming(BTC, 1, 31, "2.4"))
    assert shown(engine)[0][3] == "2.4"
    write(engine, forming(BTC, 2, 0.1, "2.5"))
    assert shown(engine)[0][2:4] == (T0 + 2 * MINUTE, "2.5")


def test_a_closed_candle_stays_closed_until_the_next_begins(engine: Engine) -> None:
    write(engine, forming(BTC, 0, 60, "2.1", closed=True))
    write(engine, forming(BTC, 0, 61, "2.2"))
    assert shown(engine)[0][3:5] == ("2.1", True)
    write(engine, forming(BTC, 1, 0.5, "2.3"))
    assert shown(engine)[0][3:5] == ("2.3", False)


def test_any_order_and_any_batches_end_alike(engine: Engine) -> None:
    updates = [
        forming(BTC, 0, 10, "2.1"), forming(BTC, 0, 20, "2.2"),
        forming(BTC, 0, 60, "2.3", closed=True), forming(BTC, 1, 5, "2.4"),
        forming(BTC, 1, 65, "2.5"), forming(BTC, 1, 60, "2.6", closed=True),
    ]  # fmt: skip
    for order in random.Random(7).sample(list(itertools.permutations(updates)), 12):
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM market.live_candles"))
        write(engine, *order[:2])
        write(engine, *order[2:5])
        write(engine, order[5])
        assert shown(engine) == [("BTCUSDT", "1m", T0 + MINUTE, "2.6", True, T0 + seconds(120))]


def test_prices_go_by_when_they_were_sent(engine: Engine) -> None:
    write(engine, prices=(price("BTCUSDT", 2, "50000.02000000"), price("BTCUSDT", 1, "1")))
    write(engine, prices=(price("BTCUSDT", 1, "3"), price("ETHUSDT", 1, "4.0")))
    write(engine, prices=(price("BTCUSDT", 2, "5"),))
    assert rows(
        engine,
        "SELECT symbol, price::text, volume_24h::text, quote_volume_24h::text, event_time"
        " FROM market.latest_prices ORDER BY symbol",
    ) == [
        ("BTCUSDT", "50000.02000000", "10.50000000", "21.00000000", T0 + seconds(2)),
        ("ETHUSDT", "4.0", "10.50000000", "21.00000000", T0 + seconds(1)),
    ]


def test_only_this_transaction_does_not_wait_for_the_disk(engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin():
            write_latest(connection, [forming(BTC, 0, 1, "2.0")], [])
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "off"
        with connection.begin():
            write_latest(connection, [], [])
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


def test_updates_touch_no_index(engine: Engine) -> None:
    # Statistics of a transaction under way are exact, and ask for no waiting.
    with engine.begin() as connection:
        for second in range(1, 4):
            write_latest(
                connection,
                [forming(Series(f"S{n}USDT", Timeframe.M1), 0, second, "2") for n in range(60)],
                [price(f"S{n}USDT", second, "2") for n in range(60)],
            )
        for table in ("live_candles", "latest_prices"):
            updated, hot = connection.execute(
                text(
                    "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables"
                    " WHERE schemaname = 'market' AND relname = :table"
                ),
                {"table": table},
            ).one()
            assert (updated, hot) == (120, 120)


def test_series_that_are_not_kept_leave_and_so_do_prices_of_symbols_without_any(
    engine: Engine,
) -> None:
    write(
        engine,
        *[forming(series, 0, 1, "2.0") for series in (BTC, BTC5, ETH)],
        prices=(price("BTCUSDT", 1, "1"), price("ETHUSDT", 1, "1"), price("XRPUSDT", 1, "1")),
    )
    with engine.begin() as connection:
        keep_forming(connection, [BTC5, Series("XRPUSDT", BTC.timeframe)])
        keep_prices(connection, ["BTCUSDT", "XRPUSDT"])
    assert [row[:2] for row in shown(engine)] == [("BTCUSDT", "5m")]
    assert rows(engine, "SELECT symbol FROM market.latest_prices ORDER BY 1") == [
        ("BTCUSDT",), ("XRPUSDT",),
    ]  # fmt: skip
