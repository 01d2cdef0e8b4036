"""The interfaces between adapters, which pipelines connect.

These Protocols keep the exchange's code from importing the database's, and the reverse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import ConnectionBudget, StreamSink
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer
from candlehouse.core.retries import Retries
from candlehouse.core.universe.instruments import ExchangeInfo, Ticker
from candlehouse.core.universe.ranking import Product
from candlehouse.core.venue import Venue


class WeightBudget(Protocol):
    """The exchange's request weight, shared by every process of the warehouse."""

    async def reserve(self, weight: int) -> int:
        """Waits until `weight` may be spent, and reserves it.

        Returns:
            A ticket for `settle`.

        Raises:
            RateLimited: when the exchange's gate stays closed for longer than is worth waiting.
        """

    async def settle(self, ticket: int, used_weight: int | None) -> None:
        """Reports that the request of `ticket` has been answered.

        Args:
            ticket: as returned by `reserve`.
            used_weight: weight used in the last minute as reported by the exchange, None without.
        """

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Stops every process until `retry_after_s` seconds from now (429 and 418)."""


class CandleSource(Protocol):
    """A source of candles: the REST client, an archive, a fake in tests."""

    async def fetch_time(self) -> datetime:
        """The exchange's clock, as an aware UTC moment."""

    async def fetch_first_open_time(self, series: Series) -> datetime | None:
        """Open time of the first candle that the exchange has, None when it has none.

        Raises:
            MalformedPayload: for an answer that contradicts itself, which proves nothing.
        """

    async def fetch_last_open_time(self, series: Series) -> datetime | None:
        """Open time of the last closed candle that the exchange has, None when it has none.

        Raises:
            MalformedPayload: for an answer that contradicts itself, which proves nothing.
        """

    async def fetch_page(self, series: Series, span: Span, limit: int) -> RestPage:
        """Candles that open in `span`, oldest first, at most `limit` of them.

        Returns:
            A page whose span is the part of `span` that the answer proves (`core.judging.proof`):
            all of it when there are no candles, else from the first row's slot to the last
            row's. It has at least one slot.
        """

    async def fetch_trading_symbols(self) -> frozenset[str]:
        """The symbols that the exchange lists as trading now."""


@dataclass(frozen=True, slots=True, order=True)
class ClockReading:
    """A comparison of two clocks, in milliseconds; the smallest reading is the most exact.

    Attributes:
        round_trip_ms: duration of the request; half of it is the largest error.
        offset_ms: by how much the exchange's clock is ahead of this machine's.
    """

    round_trip_ms: float
    offset_ms: float


class MarketData(CandleSource, Protocol):
    """The requests to an exchange's REST API; `core.venue` states their weights."""

    async def fetch_clock(self) -> ClockReading:
        """How far the exchange's clock is ahead of this machine's."""

    async def fetch_instruments(self) -> ExchangeInfo:
        """Every pair that the exchange lists, and its weight limit."""

    async def fetch_ticker_24h(self) -> Mapping[str, Ticker]:
        """Price and volume of every pair over the last 24 hours, by symbol."""


class CandleArchive(Protocol):
    """An archive of the exchange's published candle files."""

    def locate(self, file: ArchiveFile) -> str:
        """The file's URL."""

    async def fetch_checksum(self, file: ArchiveFile) -> str:
        """The published SHA-256 of a file, in hexadecimal.

        Raises:
            FileMissing: when no checksum is published.
            ExchangeUnavailable: when the archive cannot be reached.
        """

    async def fetch_file(self, file: ArchiveFile, span: Span) -> FileAnswer:
        """Downloads a file, verifies its checksum and cuts its candles to `span`.

        Raises:
            FileMissing: when it is not published.
            MalformedPayload: when the content does not match its checksum, or is not a file of
                candles.
            ExchangeUnavailable: when the archive cannot be reached.
        """

    def read_rows(self, answer: FileAnswer) -> FileAnswer:
        """Reads the file again row by row, for a file whose rows are not all valid candles."""


class ProductList(Protocol):
    """An exchange's own list of its products, with supply and tags."""

    async def fetch_products(self) -> Mapping[str, Product]:
        """The products by symbol.

        Raises:
            ExchangeError: when the list cannot be fetched.
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
    """Which exchange answers at a URL.

    Attributes:
        identity: the exchange's name, or `sim:<market id>` for a stand-in.
        exchange_time: its clock, as an aware UTC moment.
    """

    identity: str
    exchange_time: datetime


class ExchangeAdapter(Protocol):
    """Opens the interfaces of an exchange; all but the streams are asynchronous context managers.

    `identity` is the exchange that must answer: WrongExchange is raised when another one does.

    Attributes:
        facts: properties of the exchange, and the weights of its requests.
    """

    facts: Venue

    def ask_who_answers(self, rest_url: str) -> Answerer:
        """Which exchange answers at `rest_url`.

        Blocks for up to a few seconds, so it must not be called in an event loop.

        Raises:
            ExchangeUnavailable: when nothing answers, or not like an exchange.
            RateLimited: when the exchange answers that requests are not allowed now.
        """

    def open_market_data(
        self, rest_url: str, budget: WeightBudget, retries: Retries, identity: str
    ) -> AbstractAsyncContextManager[MarketData]:
        """The REST API; each request reserves its weight in the budget."""

    def open_archive(
        self, url: str, retries: Retries, identity: str
    ) -> AbstractAsyncContextManager[CandleArchive] | None:
        """The published files; None for an exchange that publishes none."""

    def open_products(self, url: str) -> AbstractAsyncContextManager[ProductList]:
        """The product list."""

    def make_streams(
        self, url: str, budget: ConnectionBudget, sink: StreamSink, identity: str
    ) -> LiveStreams:
        """The websocket streams; they connect only when they run."""
