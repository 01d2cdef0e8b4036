"""Writes candles that a stream closed: one statement for candles that are certainly new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.live.channels import Channel
from candlehouse.core.model import Series
from candlehouse.core.rules import JUMP_REACH
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.storage.candles.page_writer import lock_key
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def try_lock_series(connection: Connection, series: Iterable[Series]) -> frozenset[Series]:
    """Locks those of `series` that no other transaction has locked, without waiting.

    The locks are those of `lock_series` in `storage.candles.page_writer`.

    Returns:
        The series whose locks this transaction holds until it ends.
    """
    ordered = sorted(set(series), key=str)
    keys = [lock_key(one) for one in ordered]
    got = connection.execute(_SQL("try_lock_series"), {"keys": keys}).scalars()
    return frozenset(ordered[position - 1] for position in got)


def insert_closed(
    connection: Connection, timeframe: Timeframe, updates: Sequence[CandleUpdate]
) -> list[CandleUpdate]:
    """Stores candles about which nothing is known yet, with the result of `write_candles`.

    These are candles whose slot has no candle and lies in no gap, with values that a candle can
    have. The counts of their days and the state of their series change in the same statement, which
    is a single round trip.

    The caller holds the locks of the series and ends the transaction, which must not have
    a snapshot from before the locks (READ COMMITTED, the default, never has).

    Args:
        connection: in the caller's transaction.
        timeframe: of all the updates.
        updates: closed candles; of several with the same open time the first is stored.

    Returns:
        The updates that were not stored, in their order, for `write_candles`.
    """
    if not updates:
        return []
    first = dict[tuple[Channel, int], int]()
    for place, update in enumerate(updates):
        first.setdefault((update.channel, update.open_ms), place)
    sent = list(first.values())
    opens = [open_ms for _, open_ms in first]
    parameters = {
        "lines": CandleRows.of_lines([updates[place].line for place in sent]).as_parameter(),
        "timeframe": timeframe.value,
        "length": timeframe.length,
        "length_ms": timeframe.length_ms,
        "affected": JUMP_REACH * timeframe.length,
        "low": from_ms(min(opens)),
        "high": from_ms(max(opens) + timeframe.length_ms),
    }
    refused = connection.execute(_SQL("insert_closed", timeframe), parameters).scalars()
    stored = set(sent).difference(sent[place - 1] for place in refused)
    return [update for place, update in enumerate(updates) if place not in stored]
