"""What one adapter may ask of another; pipelines join them.

A Protocol here keeps the exchange's code from importing the database's, and
the reverse.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from candlehouse.core.model import Page, Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, FileAnswer


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
