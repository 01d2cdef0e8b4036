"""Refused rows and messages, kept with their text and the broken rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.candles.pages import Page
from candlehouse.core.live.updates import BadMessage
from candlehouse.core.model import Series, Source
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def quarantine_rejected(connection: Connection, pages: Sequence[Page]) -> int:
    """Stores the refused rows of pages; the caller ends the transaction.

    Returns:
        The number of refused rows, whether they were stored before or not.
    """
    rows = [
        _row(page.series, page.source, row.rule, row.raw, row.open_time)
        for page in pages
        for row in page.rejected
    ]
    _insert(connection, rows)
    return len(rows)


def quarantine_answer(connection: Connection, series: Series, rule: str, raw: str) -> None:
    """Stores why an answer of REST was refused as a whole; the same text is stored once only.

    The caller ends the transaction. `raw` is the message of the refusal, with the first row
    that is not a candle.
    """
    _insert(connection, [_row(series, Source.REST, rule, raw)])


def quarantine_messages(connection: Connection, messages: Sequence[BadMessage]) -> None:
    """Stores refused messages of a stream; the same text is stored only once per rule.

    The caller ends the transaction.
    """
    # PostgreSQL cannot store the character U+0000 in text.
    rows = [
        _row(
            one.series,
            Source.STREAM,
            one.rule,
            one.raw.replace("\x00", "\N{REPLACEMENT CHARACTER}"),
        )
        for one in messages
    ]
    _insert(connection, rows)


def _row(
    series: Series | None, source: Source, rule: str, raw: str, open_time: datetime | None = None
) -> dict[str, object]:
    return {
        "symbol": None if series is None else series.symbol,
        "timeframe": None if series is None else series.timeframe.value,
        "open_time": open_time,
        "source": source.value,
        "rule": rule,
        "raw": raw,
    }


def _insert(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        connection.execute(_SQL("quarantine_row"), rows)
