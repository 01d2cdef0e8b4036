"""What validation refused, kept with its text and the rule it broke."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from candlehouse.core.live import BadMessage
from candlehouse.core.model import Series, Source
from candlehouse.storage.queries import load_queries

_SQL = load_queries("candles")


def quarantine_answer(connection: Connection, series: Series, rule: str, raw: str) -> None:
    """Keeps why an answer of REST was refused as a whole; the same once only.

    The caller ends the transaction. `raw` is the message of the refusal, with the first row
    that is no candle.
    """
    row = {
        "symbol": series.symbol,
        "timeframe": series.timeframe.value,
        "open_time": None,
        "source": Source.REST.value,
        "rule": rule,
        "raw": raw,
    }
    connection.execute(_SQL("quarantine_row"), [row])


def quarantine_messages(connection: Connection, messages: Sequence[BadMessage]) -> None:
    """Keeps refused messages of a stream; the same text for the same rule once only.

    The caller ends the transaction.
    """
    rows = [
        {
            "symbol": None if message.series is None else message.series.symbol,
            "timeframe": None if message.series is None else message.series.timeframe.value,
            "open_time": None,
            "source": Source.STREAM.value,
            "rule": message.rule,
            # PostgreSQL's text has no room for the character 0.
            "raw": message.raw.replace("\x00", "\N{REPLACEMENT CHARACTER}"),
        }
        for message in messages
    ]
    if rows:
        connection.execute(_SQL("quarantine_row"), rows)
