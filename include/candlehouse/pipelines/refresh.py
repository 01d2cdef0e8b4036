"""Takes a snapshot of the universe: who is in, ranked by what, and what every pair is like."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine

from candlehouse.core.eligibility import find_exclusion
from candlehouse.core.errors import (
    ConfigurationError,
    ExchangeError,
    MalformedPayload,
    UniverseEmpty,
)
from candlehouse.core.instruments import Instrument, Ticker
from candlehouse.core.model import Series
from candlehouse.core.ports import CandleSource
from candlehouse.core.universe import (
    Member,
    Product,
    Size,
    rank_members,
    select_members,
    size_by_coins,
    size_by_products,
    size_by_volume,
)
from candlehouse.exchange.market_cap import MarketCapSource
from candlehouse.exchange.rest import RestSource
from candlehouse.pipelines.collect import learn_first_candles
from candlehouse.settings import Settings
from candlehouse.storage.catalog import (
    Return,
    Snapshot,
    insert_snapshot,
    note_returns,
    select_members_ever,
    select_snapshot,
    upsert_instruments,
)
from candlehouse.storage.exchange_state import select_exchange_state
from candlehouse.storage.series import reopen_series, want_series

_log = logging.getLogger(__name__)

SOURCES = ("coingecko", "binance", "volume")
FROM_SETTINGS = "settings"

# Pauses for maintenance take hours; in a longer one a ticker may have got another asset.
LONG_ABSENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did.

    Attributes:
        snapshot: that was stored.
        joined: symbols that were not members before, sorted.
        left: symbols that are members no more, sorted.
        failures: why, for each source of sizes that could not be used.
        returned: pairs that trade again after a long absence, by symbol. Nothing on the
            exchange's wire says whether they are of the same asset as before.
    """

    snapshot: Snapshot
    joined: tuple[str, ...]
    left: tuple[str, ...]
    failures: tuple[str, ...]
    returned: tuple[Return, ...] = ()


@dataclass(slots=True)
class _Sizing:
    """Tries one source after the other, and asks each for everything but once."""

    source: RestSource
    market_caps: MarketCapSource
    failures: list[str] = field(default_factory=list)
    products: Mapping[str, Product] | None = None
    tickers: Mapping[str, Ticker] | None = None

    async def find_tags(self) -> dict[str, Sequence[str]]:
        """Tags by symbol; none when the product list is out of reach."""
        try:
            products = await self._products()
        except ExchangeError as error:
            self._note("tags", error)
            return {}
        return {symbol: product.tags for symbol, product in products.items()}

    async def find_sizes(
        self, candidates: Sequence[Instrument], first_source: str
    ) -> tuple[str, dict[str, Size]]:
        """The first source from `first_source` on that knows sizes, and those.

        Raises:
            ExchangeError: what the last one failed with.
        """
        by_source: dict[str, Callable[[Sequence[Instrument]], Awaitable[dict[str, Size]]]] = {
            "coingecko": self._by_coins,
            "binance": self._by_products,
            "volume": self._by_volume,
        }
        sources = SOURCES[SOURCES.index(first_source) :]
        for name in sources:
            try:
                sizes = await by_source[name](candidates)
                if not sizes:
                    raise MalformedPayload(f"{name} knows the size of no pair")
                return name, sizes
            except ExchangeError as error:
                if name == sources[-1]:
                    raise
                self._note(name, error)
        raise AssertionError("the last source returns or raises")

    async def _by_coins(self, candidates: Sequence[Instrument]) -> dict[str, Size]:
        coins = await self.market_caps.fetch_coins()
        return size_by_coins(candidates, await self._tickers(), coins)

    async def _by_products(self, candidates: Sequence[Instrument]) -> dict[str, Size]:
        return size_by_products(candidates, await self._products())

    async def _by_volume(self, candidates: Sequence[Instrument]) -> dict[str, Size]:
        return size_by_volume(candidates, await self._tickers())

    async def _products(self) -> Mapping[str, Product]:
        if self.products is None:
            self.products = await self.market_caps.fetch_products()
        return self.products

    async def _tickers(self) -> Mapping[str, Ticker]:
        if self.tickers is None:
            self.tickers = await self.source.fetch_ticker_24h()
        return self.tickers

    def _note(self, what: str, error: ExchangeError) -> None:
        _log.warning("%s: %s", what, error)
        self.failures.append(f"{what}: {error}")


async def refresh_universe(
    settings: Settings,
    engine: Engine,
    source: RestSource,
    make_market_caps: Callable[[str, str, str], MarketCapSource] = MarketCapSource,
) -> RefreshReport:
    """Stores what every pair is like, and who is in the universe from now on.

    SYMBOLS, when set, are the universe; nothing is asked of market capitalisation then.

    Raises:
        ConfigurationError: when SYMBOLS names a pair that the exchange does not have.
        UniverseEmpty: when no pair of the exchange may be a member.
        ExchangeError: when the exchange or every source of sizes fails.
    """
    now = await source.fetch_time()
    instruments = (await source.fetch_instruments()).instruments
    failures: list[str] = []
    if settings.symbols:
        origin, members = FROM_SETTINGS, find_named(settings.symbols, instruments)
    else:
        urls = await asyncio.to_thread(_select_urls, settings, engine)
        async with make_market_caps(*urls, settings.coingecko_api_key) as market_caps:
            sizing = _Sizing(source, market_caps, failures)
            origin, members = await _rank(settings, engine, sizing, instruments)
    report = await asyncio.to_thread(
        _store, engine, Snapshot(now, origin, members), instruments, tuple(failures)
    )
    await want_members(settings, engine, source)
    return report


async def want_members(settings: Settings, engine: Engine, source: CandleSource) -> None:
    """Makes the history of everybody who was ever a member wanted, from its first candle on.

    A series whose first candle cannot be asked now is wanted as soon as a run asks again.
    """
    symbols = await asyncio.to_thread(_select_members_ever, engine)
    every = [Series(symbol, timeframe) for symbol in symbols for timeframe in settings.timeframes]
    failures = await learn_first_candles(engine, source, every)
    for series, reason in failures.items():
        _log.warning("%s: the first candle is not known yet: %s", series, reason)
    await asyncio.to_thread(_want, settings, engine, symbols)


def _select_members_ever(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return select_members_ever(connection)


def _want(settings: Settings, engine: Engine, symbols: Sequence[str]) -> None:
    with engine.begin() as connection:
        want_series(connection, symbols, settings.timeframes, settings.collection_start)


def find_named(symbols: Sequence[str], instruments: Sequence[Instrument]) -> tuple[Member, ...]:
    """The pairs of SYMBOLS, ranked in their order.

    Raises:
        ConfigurationError: naming those that the exchange does not have.
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
    settings: Settings, engine: Engine, sizing: _Sizing, instruments: Sequence[Instrument]
) -> tuple[str, tuple[Member, ...]]:
    tags = await sizing.find_tags()
    bases = {instrument.base_asset for instrument in instruments}
    candidates = [
        instrument
        for instrument in instruments
        if find_exclusion(instrument, settings.quote_asset, bases, tags) is None
    ]
    if not candidates:
        raise UniverseEmpty(f"the exchange trades no pair with {settings.quote_asset} to collect")
    origin, sizes = await sizing.find_sizes(candidates, settings.market_cap_source)
    last = await asyncio.to_thread(_select_last, engine)
    current = {member.symbol for member in last.members} if last is not None else set()
    ranked = rank_members(candidates, sizes)
    return origin, select_members(ranked, current, sizes, settings.top_n)


def _store(
    engine: Engine,
    snapshot: Snapshot,
    instruments: Sequence[Instrument],
    failures: tuple[str, ...],
) -> RefreshReport:
    with engine.begin() as connection:
        last = select_snapshot(connection)
        returns = note_returns(connection, instruments, snapshot.as_of)
        upsert_instruments(connection, instruments, snapshot.as_of)
        reopen_series(connection)
        as_of = insert_snapshot(connection, snapshot)
    returned = tuple(one for one in returns if one.returned_at - one.left_at >= LONG_ABSENCE)
    for one in returned:
        _log.warning(
            "%s trades again after %s days: if it is another asset now, say so in"
            " market.instrument_lives", one.symbol, (one.returned_at - one.left_at).days,
        )  # fmt: skip
    before = {member.symbol for member in last.members} if last is not None else set()
    after = {member.symbol for member in snapshot.members}
    return RefreshReport(
        Snapshot(as_of, snapshot.source, snapshot.members),
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
        failures,
        returned,
    )


def _select_last(engine: Engine) -> Snapshot | None:
    with engine.connect() as connection:
        return select_snapshot(connection)


def _select_urls(settings: Settings, engine: Engine) -> tuple[str, str]:
    with engine.connect() as connection:
        state = select_exchange_state(connection)
    if state is None:
        return settings.coingecko_url, settings.products_url
    return state.endpoints.coingecko_url, state.endpoints.products_url
