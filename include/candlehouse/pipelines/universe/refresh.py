"""Takes a snapshot of the universe: its members and their ranks, and the facts of every pair."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.errors import ConfigurationError, UniverseEmpty, UniverseShrunken
from candlehouse.core.model import Series
from candlehouse.core.ports import CandleSource, MarketData
from candlehouse.core.universe.eligibility import find_exclusion
from candlehouse.core.universe.instruments import Instrument
from candlehouse.core.universe.list_completeness import require_complete_list, require_members
from candlehouse.core.universe.ranking import ALWAYS_IN, Member, rank_members, select_members
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.fetching.first_candles import fetch_and_store_first_candles
from candlehouse.pipelines.universe.returning import date_returns
from candlehouse.pipelines.universe.sizing import Sizing
from candlehouse.pipelines.venue.wiring import open_market_caps
from candlehouse.storage.completeness.series import reopen_series, want_series
from candlehouse.storage.universe.catalog import (
    Return,
    Snapshot,
    insert_snapshot,
    note_refusal,
    note_returns,
    select_last_live,
    select_members_ever,
    select_trading,
    upsert_instruments,
)
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

FROM_SETTINGS = "settings"

# Pauses for maintenance take hours. After a longer one, a ticker may mean another asset.
LONG_ABSENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did.

    Attributes:
        snapshot: the snapshot that was stored.
        joined: symbols that were not members of the snapshot before, sorted.
        left: symbols that are no longer members, sorted.
        failures: one sentence for each source of market sizes that could not be used.
        returned: pairs that trade again after at least seven days, by symbol. The exchange does
            not say whether they are of the same asset as before.
    """

    snapshot: Snapshot
    joined: tuple[str, ...]
    left: tuple[str, ...]
    failures: tuple[str, ...]
    returned: tuple[Return, ...] = ()


async def refresh_universe(
    warehouse: Warehouse,
    source: MarketData,
) -> RefreshReport:
    """Stores the facts of every pair, and a snapshot of the universe that is valid from now on.

    The symbols of SYMBOLS, when it is set, are the members, and no source of market
    capitalisation is asked.

    Args:
        warehouse: whose settings have SYMBOLS, TOP_N_CRYPTOS and MARKET_CAP_SOURCE.
        source: the REST client.

    Raises:
        ConfigurationError: when SYMBOLS names a pair that the exchange does not have.
        UniverseEmpty: when no pair of the exchange may be a member.
        UniverseShrunken: when answers list too few pairs to be whole. Only the refusal is stored,
            for an alert; the last snapshot stays valid.
        ExchangeError: when the exchange or every source of market sizes fails.
    """
    now = await source.fetch_time()
    try:
        report = await _take_snapshot(warehouse, source, now)
    except UniverseShrunken as error:
        await warehouse.write_in_thread(_note_refusal, now, error)
        raise
    await date_returns(warehouse, source, report.returned)
    await want_members(warehouse, source)
    return report


async def _take_snapshot(
    warehouse: Warehouse,
    source: MarketData,
    now: datetime,
) -> RefreshReport:
    instruments = (await source.fetch_instruments()).instruments
    recorded = await warehouse.read_in_thread(select_trading)
    require_complete_list("exchangeInfo", {one.symbol for one in instruments}, recorded)
    failures: list[str] = []
    if warehouse.settings.symbols:
        origin, members = FROM_SETTINGS, find_named(warehouse.settings.symbols, instruments)
    else:
        async with open_market_caps(warehouse) as market_caps:
            sizing = Sizing(source, market_caps, now, failures)
            origin, members = await _rank(warehouse, sizing, instruments)
    return await warehouse.write_in_thread(
        _store, Snapshot(now, origin, members), instruments, tuple(failures)
    )


async def want_members(warehouse: Warehouse, source: CandleSource) -> None:
    """Makes the history of all present and past members wanted, from the first candle on.

    A series whose first candle cannot be found now is logged; a later call makes it wanted.

    Raises:
        RateLimited: when the exchange's gate is closed.
    """
    symbols = await warehouse.read_in_thread(select_members_ever)
    every = [
        Series(symbol, timeframe)
        for symbol in symbols
        for timeframe in warehouse.settings.timeframes
    ]
    first = await fetch_and_store_first_candles(warehouse, source, every)
    for series, reason in first.failures.items():
        _log.warning("the first candle of %s is not known yet: %s", series, reason)
    await warehouse.in_thread(_want, symbols)


def _want(warehouse: Warehouse, symbols: Sequence[str]) -> None:
    with warehouse.write() as connection:
        want_series(
            connection, symbols, warehouse.settings.timeframes, warehouse.settings.collection_start
        )


def find_named(symbols: Sequence[str], instruments: Sequence[Instrument]) -> tuple[Member, ...]:
    """The pairs of SYMBOLS, ranked in their order.

    Raises:
        ConfigurationError: naming the symbols that the exchange does not have.
    """
    by_symbol = {instrument.symbol: instrument for instrument in instruments}
    unknown = [symbol for symbol in symbols if symbol not in by_symbol]
    if unknown:
        raise ConfigurationError(f"SYMBOLS: the exchange has no {', '.join(unknown)}")
    return tuple(
        Member(rank, symbol, by_symbol[symbol].base_asset)
        for rank, symbol in enumerate(symbols, start=1)
    )


async def _rank(
    warehouse: Warehouse, sizing: Sizing, instruments: Sequence[Instrument]
) -> tuple[str, tuple[Member, ...]]:
    tags = await sizing.find_tags()
    await sizing.require_listed(instruments)
    bases = {instrument.base_asset for instrument in instruments}
    candidates = [
        instrument
        for instrument in instruments
        if find_exclusion(instrument, warehouse.settings.quote_asset, bases, tags, VENUE.pairs)
        is None
    ]
    if not candidates:
        raise UniverseEmpty(
            f"the exchange trades no pair with {warehouse.settings.quote_asset} to collect"
        )
    origin, sizes = await sizing.find_sizes(
        candidates, warehouse.settings.market_cap_source, warehouse.settings.top_n
    )
    last = await warehouse.read_in_thread(select_last_live)
    current = {member.symbol for member in last.members} if last is not None else set()
    members = select_members(
        rank_members(candidates, sizes), current, sizes, warehouse.settings.top_n
    )
    always = sum(member.base_asset in ALWAYS_IN for member in last.members) if last else 0
    require_members(len(members), always, len(current) - always, warehouse.settings.top_n)
    return origin, members


def _store(
    connection: Connection,
    snapshot: Snapshot,
    instruments: Sequence[Instrument],
    failures: tuple[str, ...],
) -> RefreshReport:
    last = select_last_live(connection)
    returns = store_instruments(connection, instruments, snapshot.as_of)
    as_of = insert_snapshot(connection, snapshot)
    returned = tuple(one for one in returns if one.returned_at - one.left_at >= LONG_ABSENCE)
    before = {member.symbol for member in last.members} if last is not None else set()
    after = {member.symbol for member in snapshot.members}
    return RefreshReport(
        Snapshot(as_of, snapshot.source, snapshot.members),
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
        failures,
        returned,
    )


def store_instruments(
    connection: Connection, instruments: Sequence[Instrument], now: datetime
) -> list[Return]:
    """Stores the present facts of every pair, in the caller's transaction.

    Returns:
        Pairs that trade again. Their series are wanted without an end from now on.
    """
    returns = note_returns(connection, instruments, now)
    upsert_instruments(connection, instruments, now)
    reopen_series(connection)
    return returns


def _note_refusal(connection: Connection, now: datetime, error: UniverseShrunken) -> None:
    note_refusal(connection, now, error.found, error.due, str(error))
