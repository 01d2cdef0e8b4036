"""The exchange's REST API: its requests and their weights.

Only ccxt's raw calls are used, because its unified calls convert prices to float and drop half of
the columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Series, Span
from candlehouse.core.ports import ClockReading, WeightBudget
from candlehouse.core.retries import Retries
from candlehouse.core.timeframe import EPOCH, to_ms
from candlehouse.core.universe.instruments import ExchangeInfo, Ticker
from candlehouse.exchange.binance.facts import REST
from candlehouse.exchange.binance.http.answers import parse_exchange_info, parse_tickers, parse_time
from candlehouse.exchange.binance.http.transport import Endpoint, Transport, find_identity
from candlehouse.exchange.binance.http.wire import parse_klines
from candlehouse.exchange.failures import Answer

# Later than any candle, and still 13 digits in milliseconds.
_EVER = Span(EPOCH, EPOCH + timedelta(days=365 * 200))

# Weights from the documentation that are not in `facts`.
PING = Endpoint("ping", "public_get_ping", 1)
TIME = Endpoint("time", "public_get_time", 1)
EXCHANGE_INFO = Endpoint("exchangeInfo", "public_get_exchangeinfo", REST.pairs_weight)
KLINES = Endpoint("klines", "public_get_klines", REST.page_weight)
TICKER_24H_OF_ALL = Endpoint("ticker/24hr", "public_get_ticker_24hr", 80)


class RestSource:
    """A client of the REST API; an asynchronous context manager, for one event loop.

    Args:
        rest_url: base URL without path.
        budget: reserves the weight of every request beforehand.
        retries: policy for failures that may pass.
        identity: the exchange that must answer, `binance` or `sim:<market id>`; None
            accepts any.
        timeout_s: per request.
        monotonic: seconds of a clock that never goes back.

    Every method raises:
        RateLimited: when the exchange closed its gate for longer than is worth waiting.
        ExchangeUnavailable, MalformedPayload: when the last attempt failed as well.
        RequestRejected, UnknownSymbol: when the exchange refuses the request.
        WrongExchange: when another exchange than `identity` answers.
    """

    def __init__(
        self,
        rest_url: str,
        budget: WeightBudget,
        retries: Retries | None = None,
        *,
        identity: str | None = None,
        timeout_s: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = Transport(
            rest_url,
            budget,
            retries or Retries(),
            identity=identity,
            timeout_s=timeout_s,
            monotonic=monotonic,
        )

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.close()

    async def fetch_identity(self) -> str:
        """Which exchange answers: `binance`, or `sim:<market id>` for a stand-in."""
        return await self._transport.request(
            PING, {}, "ping", lambda _, answer: find_identity(answer)
        )

    async def fetch_time(self) -> datetime:
        """The exchange's clock, as an aware UTC datetime."""
        return await self._transport.request(
            TIME, {}, "time", lambda payload, _: parse_time(payload)
        )

    async def fetch_clock(self) -> ClockReading:
        """How far the exchange's clock is ahead of this machine's."""
        return await self._transport.request(TIME, {}, "time", read_clock)

    async def fetch_first_open_time(self, series: Series) -> datetime | None:
        """Open time of the first candle that the exchange has, None when it has none.

        The range before it is requested as well: that the exchange names a first candle does not
        prove that no earlier candle exists.
        """
        page = await self._fetch_klines(series, _EVER, {"startTime": 0}, 1)
        times = page.rows.open_times()
        if not times:
            return None
        earlier = await self._fetch_klines(series, _EVER, {"endTime": to_ms(times[0]) - 1}, 1)
        if earlier.count:
            raise MalformedPayload(
                f"{series}: the exchange says that its first candle opens at {times[0]}, and has"
                f" one that opens at {earlier.rows.first_open_time}"
            )
        return times[0]

    async def fetch_last_open_time(self, series: Series) -> datetime | None:
        """Open time of the newest closed candle, None when the exchange has none.

        The range after it is requested as well, as for the first candle.
        """
        last = await self._find_last_closed(series)
        if last is None:
            return None
        bounds = {"startTime": to_ms(last) + 1}
        later = await self._fetch_klines(series, _EVER, bounds, 1)
        if closed := await self._keep_closed(series, later.rows.open_times()):
            raise MalformedPayload(
                f"{series}: the exchange says that its last candle opens at {last}, and has one"
                f" that opens at {closed[0]}"
            )
        return last

    async def _find_last_closed(self, series: Series) -> datetime | None:
        bounds: dict[str, int] = {}
        before = _EVER
        while True:
            page = await self._fetch_klines(series, before, bounds, 2)
            times = page.rows.open_times()
            closed = await self._keep_closed(series, times)
            if closed or not times:
                return max(closed, default=None)
            # Only the forming candle came: the candle before it was withheld.
            before = Span(EPOCH, times[0])
            bounds = {"endTime": to_ms(times[0]) - 1}

    async def _keep_closed(self, series: Series, times: Sequence[datetime]) -> list[datetime]:
        if not times:
            return []
        # Requested afterwards, because a clock read before could be a slot behind the candles.
        now = await self.fetch_time()
        return [opens for opens in times if opens + series.timeframe.length <= now]

    async def fetch_page(self, series: Series, span: Span, limit: int) -> RestPage:
        """Candles that open in `span`, oldest first, at most `limit` (1 to 1000) of them.

        The exchange also sends the forming candle: end `span` where the closed candles end.

        Returns:
            A page whose span is the part of `span` that the answer proves (`core.judging.proof`).
        """
        # The exchange's bounds are open times, both inclusive.
        bounds = {"startTime": to_ms(span.start), "endTime": to_ms(span.end) - 1}
        return await self._fetch_klines(series, span, bounds, limit)

    async def fetch_instruments(self) -> ExchangeInfo:
        """Every pair that the exchange lists, and its weight limit."""
        return await self._transport.request(
            EXCHANGE_INFO, {}, "exchangeInfo", lambda payload, _: parse_exchange_info(payload)
        )

    async def fetch_trading_symbols(self) -> frozenset[str]:
        """Symbols that the exchange lists as trading now."""
        info = await self.fetch_instruments()
        return frozenset(i.symbol for i in info.instruments if i.is_trading)

    async def fetch_ticker_24h(self) -> Mapping[str, Ticker]:
        """Price and volume of every pair over the last 24 hours, by symbol."""
        return await self._transport.request(
            TICKER_24H_OF_ALL, {}, "ticker/24hr", lambda payload, _: parse_tickers(payload)
        )

    async def _fetch_klines(
        self, series: Series, span: Span, bounds: Mapping[str, int], limit: int
    ) -> RestPage:
        params = {
            "symbol": series.symbol,
            "interval": series.timeframe.value,
            **bounds,
            "limit": limit,
        }
        return await self._transport.request(
            KLINES,
            params,
            f"{series} {span}",
            lambda payload, _: parse_klines(series, span, payload, limit),
        )


def read_clock(payload: object, answer: Answer) -> ClockReading:
    """The comparison of clocks from a response with the exchange's time.

    Raises:
        MalformedPayload: when the payload has no valid time.
    """
    # The exchange read its clock about halfway between request and response.
    here_ms = (answer.asked_ns + answer.answered_ns) / 2e6
    return ClockReading(
        (answer.answered_ns - answer.asked_ns) / 1e6, to_ms(parse_time(payload)) - here_ms
    )
