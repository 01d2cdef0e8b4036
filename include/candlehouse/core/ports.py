"""What one adapter may ask of another; pipelines join them.

A Protocol here keeps the exchange's code from importing the database's, and
the reverse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import ConnectionBudget, StreamSink
from candlehouse.core.model import Page, Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer
from candlehouse.core.retries import Retries
from candlehouse.core.universe.instruments import ExchangeInfo, Ticker
from candlehouse.core.universe.ranking import Product
from candlehouse.core.venue import Venue


class WeightBudget(Protocol):
    """The exchange's request weight, shared by every process of the warehouse."""

    async def reserve(self, weight: int) -> int:
        """Waits until `weight` may be spent and takes it.

        Returns:
            A ticket for `settle`.

        Raises:
            RateLimited: when the gate stays closed for longer than is worth waiting.
        """

    async def settle(self, ticket: int, used_weight: int | None) -> None:
        """Says that the request of `ticket` has been answered.

        Args:
            ticket: what `reserve` gave.
            used_weight: what the exchange says was used in the last minute, if it did.
        """

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Stops every process until `retry_after_s` seconds from now (429 and 418)."""


class CandleSource(Protocol):
    """Something that answers for candles: the REST client, an archive, a test's own."""

    async def fetch_time(self) -> datetime:
        """The exchange's clock."""

    async def fetch_first_open_time(self, series: Series) -> datetime | None:
        """Open time of the first candle that the exchange has, None when it has none.

        An answer that contradicts itself is no proof and raises MalformedPayload.
        """

    async def fetch_last_open_time(self, series: Series) -> datetime | None:
        """Open time of the last closed candle that the exchange has, None when it has none.

        An answer that contradicts itself is no proof and raises MalformedPayload.
        """

    async def fetch_page(self, series: Series, span: Span, limit: int) -> Page:
        """Candles that open in `span`, oldest first, at most `limit` of them.

        Returns:
            A page whose span is the part of `span` that the answer proves (`core.judging.proof`):
            all of it when there are no candles, else from the first row's slot to the last
            row's. It has at least one slot.
        """

    async def fetch_trading_symbols(self) -> frozenset[str]:
        """Symbols that the exchange says are trading now."""


@dataclass(frozen=True, slots=True, order=True)
class ClockReading:
    """A comparison of two clocks, in milliseconds; the smallest is the most exact.

    Attributes:
        round_trip_ms: for which the answer was on its way; half of it is the largest error.
        offset_ms: by which the exchange's clock is ahead of this machine's.
    """

    round_trip_ms: float
    offset_ms: float


class MarketData(CandleSource, Protocol):
    """All that an exchange's REST API is asked for; `core.venue` says what that costs."""

    async def fetch_clock(self) -> ClockReading:
        """How far the exchange's clock is ahead of this machine's."""

    async def fetch_instruments(self) -> ExchangeInfo:
        """Every pair that the exchange knows, and its weight limit."""

    async def fetch_ticker_24h(self) -> Mapping[str, Ticker]:
        """Price and volume of every pair over the last 24 hours, by symbol."""


class CandleArchive(Protocol):
    """Something that has the exchange's published files of candles."""

    def locate(self, file: ArchiveFile) -> str:
        """The file's URL."""

    async def fetch_checksum(self, file: ArchiveFile) -> str:
        """The published SHA-256 of a file, in hexadecimal.

        Raises:
            FileMissing: when there is none.
            ExchangeUnavailable: when the archive cannot be reached.
        """

    async def fetch_file(self, file: ArchiveFile, span: Span) -> FileAnswer:
        """A file whose checksum is right, cut to `span`.

        Raises:
            FileMissing: when it is not published.
            MalformedPayload: when what is published does not have its checksum, or is no
                file of candles.
            ExchangeUnavailable: when the archive cannot be reached.
        """

    def read_rows(self, answer: FileAnswer) -> FileAnswer:
        """The same file with each row looked at, where not all of them are candles."""


class ProductList(Protocol):
    """An exchange's own list of what it offers, with sizes and tags."""

    async def fetch_products(self) -> Mapping[str, Product]:
        """The products by symbol.

        Raises:
            ExchangeError: when the list cannot be had.
        """


class LiveStreams(Protocol):
    """What is streamed live, received for as long as it runs; for one event loop."""

    @property
    def connected(self) -> bool:
        """Whether all that is wanted has an open connection; False when nothing is."""

    @property
    def last_data_at(self) -> float | None:
        """When the last valid message came, in monotonic seconds; None before."""

    @property
    def reconnects(self) -> int:
        """Connections that ended without being asked to."""

    def want(self, channels: Collection[Channel]) -> None:
        """Sets what is to flow, before or while it runs.

        Raises:
            KeyError: when the exchange has no streams of such a kind.
        """

    async def run(self) -> None:
        """Keeps everything flowing until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers at a URL.

    Attributes:
        identity: the exchange's name, or `sim:<market id>` for a stand-in.
        exchange_time: that it says it is.
    """

    identity: str
    exchange_time: datetime


class ExchangeAdapter(Protocol):
    """Opens what an exchange has; each is an asynchronous context manager or runs by itself.

    `identity` is the exchange that must answer: WrongExchange is raised when another one does.

    Attributes:
        facts: what the exchange is like and what requests to it cost.
    """

    facts: Venue

    def ask_who_answers(self, rest_url: str) -> Answerer:
        """Who answers at `rest_url`, asked for at most a few seconds, outside of event loops.

        Raises:
            ExchangeUnavailable: when nobody does, or not as an exchange would.
            RateLimited: when somebody does, who wants to be left alone.
        """

    def open_market_data(
        self, rest_url: str, budget: WeightBudget, retries: Retries, identity: str
    ) -> AbstractAsyncContextManager[MarketData]:
        """The REST API, each request within the budget."""

    def open_archive(
        self, url: str, retries: Retries, identity: str
    ) -> AbstractAsyncContextManager[CandleArchive] | None:
        """The published files; None of an exchange that publishes none."""

    def open_products(self, url: str) -> AbstractAsyncContextManager[ProductList]:
        """The product list."""

    def make_streams(
        self, url: str, budget: ConnectionBudget, sink: StreamSink, identity: str
    ) -> LiveStreams:
        """The websocket streams; nothing is connected before they run."""
