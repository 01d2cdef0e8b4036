"""Binance behind the interfaces of `core.ports`."""

from __future__ import annotations

from candlehouse.core.live.updates import ConnectionBudget, StreamSink
from candlehouse.core.ports import Answerer, LiveStreams, WeightBudget
from candlehouse.core.retries import Retries
from candlehouse.exchange.binance.archive.source import ArchiveSource
from candlehouse.exchange.binance.facts import VENUE
from candlehouse.exchange.binance.http.contact import ask_who_answers
from candlehouse.exchange.binance.http.products import ProductSource
from candlehouse.exchange.binance.http.rest import RestSource


class BinanceAdapter:
    """An `ExchangeAdapter` for Binance, or a stand-in for it."""

    facts = VENUE

    def ask_who_answers(self, rest_url: str) -> Answerer:
        """Which exchange answers at a URL; see `ExchangeAdapter`."""
        return ask_who_answers(rest_url)

    def open_market_data(
        self, rest_url: str, budget: WeightBudget, retries: Retries, identity: str
    ) -> RestSource:
        """The REST API; each request reserves its weight in the budget."""
        return RestSource(rest_url, budget, retries, identity=identity)

    def open_archive(self, url: str, retries: Retries, identity: str) -> ArchiveSource:
        """The published files."""
        return ArchiveSource(url, retries, identity=identity)

    def open_products(self, url: str) -> ProductSource:
        """The product list."""
        return ProductSource(url)

    def make_streams(
        self, url: str, budget: ConnectionBudget, sink: StreamSink, identity: str
    ) -> LiveStreams:
        """The websocket streams; they connect only when they run."""
        # Imported here, because most processes use no websocket.
        from candlehouse.exchange.binance.stream.client import StreamClient
        from candlehouse.exchange.binance.stream.client_options import StreamOptions

        return StreamClient(url, budget, sink, StreamOptions(identity=identity))
