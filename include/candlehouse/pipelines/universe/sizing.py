"""Market sizes of pairs: tries one source after the other, until one knows enough sizes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from candlehouse.core.errors import ExchangeError, MalformedPayload, UniverseShrunken
from candlehouse.core.ports import MarketData
from candlehouse.core.universe.instruments import Instrument, Ticker
from candlehouse.core.universe.list_completeness import require_complete_list, require_sizes
from candlehouse.core.universe.ranking import (
    ALWAYS_IN,
    Product,
    Size,
    size_by_coins,
    size_by_products,
    size_by_volume,
)
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.venue.wiring import MarketCaps

_log = logging.getLogger(__name__)

SOURCES = ("coingecko", VENUE.name, "volume")


@dataclass(slots=True)
class Sizing:
    """Sources of market sizes, each asked at most once per instance.

    Attributes:
        source: the REST client, for 24-hour volumes.
        market_caps: sources of market capitalisations.
        now: the exchange's time.
        failures: one sentence for each source that could not be used.
        products: answer of the exchange's product list; None before it was asked.
        tickers: 24-hour tickers by symbol, or the error of asking; None before that.
    """

    source: MarketData
    market_caps: MarketCaps
    now: datetime
    failures: list[str] = field(default_factory=list)
    products: Mapping[str, Product] | None = None
    tickers: Mapping[str, Ticker] | ExchangeError | None = None

    async def find_tags(self) -> dict[str, Sequence[str]]:
        """Tags of the exchange's product list, by symbol; empty when it is out of reach."""
        try:
            products = await self._products()
        except ExchangeError as error:
            self._note("tags", error)
            return {}
        return {symbol: product.tags for symbol, product in products.items()}

    async def require_listed(self, instruments: Sequence[Instrument]) -> None:
        """Checks the exchange's list of pairs against its 24-hour tickers.

        The check is left out when the tickers cannot be fetched.

        Raises:
            UniverseShrunken: when pairs with volume are missing from the list.
        """
        try:
            tickers = await self._tickers()
        except ExchangeError:
            return
        traded = {symbol for symbol, ticker in tickers.items() if ticker.quote_volume > 0}
        require_complete_list("exchangeInfo", {one.symbol for one in instruments}, traded)

    async def find_sizes(
        self, candidates: Sequence[Instrument], first_source: str, top_n: int
    ) -> tuple[str, dict[str, Size]]:
        """The first source that knows enough sizes, and these sizes by symbol.

        Args:
            candidates: pairs that may be members.
            first_source: first to try, one of `SOURCES`; the sources after it follow in order.
            top_n: TOP_N_CRYPTOS, the number of members besides BTC and ETH.

        Raises:
            UniverseShrunken: when no source knows enough, and the last one answered.
            ExchangeError: the error of the last source.
        """
        by_source: dict[str, Callable[[Sequence[Instrument]], Awaitable[dict[str, Size]]]] = {
            "coingecko": self._by_coins,
            VENUE.name: self._by_products,
            "volume": self._by_volume,
        }
        sources = SOURCES[SOURCES.index(first_source) :]
        for name in sources:
            try:
                sizes = await by_source[name](candidates)
                if not sizes:
                    raise MalformedPayload(f"{name} knows the size of no pair")
                await self._require(sizes, candidates, top_n)
                return name, sizes
            except (ExchangeError, UniverseShrunken) as error:
                self._note(name, error)
                if name != sources[-1]:
                    continue
                if isinstance(error, UniverseShrunken):
                    reasons = "; ".join(self.failures)
                    raise UniverseShrunken(reasons, error.found, error.due) from None
                raise
        raise AssertionError("the last source returns or raises")

    async def _require(
        self, sizes: Mapping[str, Size], candidates: Sequence[Instrument], top_n: int
    ) -> None:
        others = {one.symbol for one in candidates if one.base_asset not in ALWAYS_IN}
        require_sizes(sizes, others, await self._volumes(candidates), top_n)

    async def _volumes(self, candidates: Sequence[Instrument]) -> dict[str, Decimal]:
        """Quote volume of the last 24 hours by symbol; empty when the tickers are not whole."""
        try:
            tickers = await self._whole_tickers(candidates)
        except (ExchangeError, UniverseShrunken):
            return {}
        symbols = [one.symbol for one in candidates if one.symbol in tickers]
        return {symbol: tickers[symbol].quote_volume for symbol in symbols}

    async def _by_coins(self, candidates: Sequence[Instrument]) -> dict[str, Size]:
        coins = await self.market_caps.coins.fetch_coins(self.now)
        return size_by_coins(candidates, await self._whole_tickers(candidates), coins)

    async def _by_products(self, candidates: Sequence[Instrument]) -> dict[str, Size]:
        return size_by_products(candidates, await self._products())

    async def _by_volume(self, candidates: Sequence[Instrument]) -> dict[str, Size]:
        return size_by_volume(candidates, await self._whole_tickers(candidates))

    async def _products(self) -> Mapping[str, Product]:
        if self.products is None:
            self.products = await self.market_caps.products.fetch_products()
        return self.products

    async def _tickers(self) -> Mapping[str, Ticker]:
        if self.tickers is None:
            try:
                self.tickers = await self.source.fetch_ticker_24h()
            except ExchangeError as error:
                self.tickers = error
        if isinstance(self.tickers, ExchangeError):
            raise self.tickers
        return self.tickers

    async def _whole_tickers(self, candidates: Sequence[Instrument]) -> Mapping[str, Ticker]:
        tickers = await self._tickers()
        require_complete_list("ticker/24hr", tickers, {one.symbol for one in candidates})
        return tickers

    def _note(self, what: str, error: Exception) -> None:
        _log.warning("market sizes cannot be taken from %s: %s", what, error)
        self.failures.append(f"{what}: {error}")
