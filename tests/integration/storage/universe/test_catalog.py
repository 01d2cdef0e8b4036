from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, text

from candlehouse.core.universe.instruments import Instrument
from candlehouse.core.universe.ranking import Member
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.exchange_state import (
    Contact,
    ExchangeEndpoints,
    insert_exchange_state,
    select_exchange_state,
    update_exchange_contact,
    update_weight_limit,
)
from candlehouse.storage.universe.catalog import (
    Snapshot,
    insert_snapshot,
    select_members_ever,
    select_snapshot,
    upsert_instruments,
)

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=10)
BTC = Member(1, "BTCUSDT", "BTC", Decimal("1137388679000.12345678"))
ETH = Member(2, "ETHUSDT", "ETH")
PAIR = Instrument("BTCUSDT", "BTC", "USDT", "TRADING", tick_size=Decimal("0.01"))
SIM = ExchangeEndpoints("sim:7", "http://rest", "http://coins", "http://products")


@pytest.fixture
def connection(fresh_database: Callable[..., str]) -> Iterator[Connection]:
    engine = connect(fresh_database(timescale=False))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def snapshot(as_of: datetime, *members: Member) -> Snapshot:
    return Snapshot(as_of, "coingecko", members)


def test_membership_is_that_of_the_last_snapshot_before(connection: Connection) -> None:
    insert_snapshot(connection, snapshot(NOON, BTC, ETH))
    insert_snapshot(connection, snapshot(NOON + HOUR, BTC))

    assert select_snapshot(connection, NOON - HOUR) is None
    assert select_snapshot(connection, NOON) == snapshot(NOON, BTC, ETH)
    assert select_snapshot(connection) == snapshot(NOON + HOUR, BTC)


def test_whoever_was_ever_a_member_stays_known(connection: Connection) -> None:
    assert select_members_ever(connection) == []

    insert_snapshot(connection, snapshot(NOON, ETH))
    insert_snapshot(connection, snapshot(NOON + HOUR, BTC))

    assert select_members_ever(connection) == ["BTCUSDT", "ETHUSDT"]


def test_snapshot_of_a_clock_that_stands_still_overwrites_nothing(connection: Connection) -> None:
    first = insert_snapshot(connection, snapshot(NOON, BTC))
    second = insert_snapshot(connection, snapshot(NOON, ETH))

    assert first == NOON < second
    assert select_snapshot(connection, first) == snapshot(NOON, BTC)
    assert select_snapshot(connection) == snapshot(second, ETH)


def left_at(connection: Connection, symbol: str) -> datetime | None:
    statement = text("SELECT left_at FROM market.instruments WHERE symbol = :symbol")
    moment: datetime | None = connection.execute(statement, {"symbol": symbol}).scalar_one()
    return moment


def test_pair_that_stops_trading_left_when_that_was_first_seen(connection: Connection) -> None:
    upsert_instruments(connection, [PAIR], NOON)
    assert left_at(connection, "BTCUSDT") is None
    for hours in (1, 2):
        upsert_instruments(connection, [replace(PAIR, status="BREAK")], NOON + hours * HOUR)
        assert left_at(connection, "BTCUSDT") == NOON + HOUR

    upsert_instruments(connection, [PAIR], NOON + 3 * HOUR)
    assert left_at(connection, "BTCUSDT") is None


def test_pair_that_is_no_longer_there_has_left(connection: Connection) -> None:
    other = replace(PAIR, symbol="ETHUSDT")
    upsert_instruments(connection, [PAIR, other], NOON)

    assert upsert_instruments(connection, [other], NOON + HOUR) == ["BTCUSDT"]
    assert upsert_instruments(connection, [other], NOON + 2 * HOUR) == []
    assert left_at(connection, "BTCUSDT") == NOON + HOUR

    assert upsert_instruments(connection, [PAIR, other], NOON + 3 * HOUR) == []
    assert left_at(connection, "BTCUSDT") is None


def test_numbers_of_a_pair_are_kept_exactly(connection: Connection) -> None:
    upsert_instruments(connection, [replace(PAIR, lot_size=Decimal("1E-8"))], NOON)

    row = connection.execute(
        text("SELECT tick_size, lot_size, min_notional, quote_asset FROM market.instruments")
    ).one()

    assert row == (Decimal("0.01"), Decimal("0.00000001"), None, "USDT")


def test_first_choice_of_an_exchange_stays(connection: Connection) -> None:
    assert select_exchange_state(connection) is None

    insert_exchange_state(connection, SIM, Contact(NOON, NOON), GRACE, 1200)
    other = replace(SIM, identity="binance")
    insert_exchange_state(connection, other, Contact(NOON, NOON), GRACE, 1200)
    update_exchange_contact(connection, other, Contact(NOON + HOUR, NOON), GRACE)

    state = select_exchange_state(connection)
    assert state is not None
    assert (state.endpoints, state.exchange_time) == (SIM, NOON)


def test_exchange_time_only_moves_forward(connection: Connection) -> None:
    insert_exchange_state(connection, SIM, Contact(NOON, NOON), GRACE, 1200)
    for moment in (NOON + HOUR, NOON - HOUR):
        update_exchange_contact(connection, SIM, Contact(moment, NOON), GRACE)

    row = connection.execute(text("SELECT * FROM market.exchange_state")).one()
    assert (row.exchange_time, row.clock_offset_ms) == (NOON + HOUR, -3_600_000)
    assert row.close_grace == GRACE


def test_stand_in_may_move(connection: Connection) -> None:
    insert_exchange_state(connection, SIM, Contact(NOON, NOON), GRACE, 1200)
    moved = replace(SIM, rest_url="http://elsewhere")
    update_exchange_contact(connection, moved, Contact(NOON, NOON), GRACE)

    state = select_exchange_state(connection)
    assert state is not None
    assert state.endpoints == moved


def test_weight_limit_is_stale_until_it_was_asked_for_and_a_day_later(
    connection: Connection,
) -> None:
    def state() -> tuple[int, bool]:
        stored = select_exchange_state(connection)
        assert stored is not None
        return stored.weight_limit, stored.limits_are_stale

    insert_exchange_state(connection, SIM, Contact(NOON, NOON), GRACE, 1200)
    assert state() == (1200, True)
    update_weight_limit(connection, 6000)
    assert state() == (6000, False)
    connection.execute(
        text("UPDATE market.exchange_state SET limits_checked_at = now() - interval '25 hours'")
    )
    assert state() == (6000, True)
