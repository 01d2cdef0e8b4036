"""How candles are written: closed ones for good, forming ones in one row per series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.core.model import Source, Span
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.pipelines.fetching.store import store_group
from candlehouse.pipelines.live.writing.writers import KindWriter, Stored
from candlehouse.storage.live.closed_candles import insert_closed, try_lock_series
from candlehouse.storage.live.forming_candles import forming_statement
from candlehouse.storage.live.writer_lock import CANDLES_LOCK


def make_candle_writer(grace: timedelta) -> KindWriter[CandleUpdate]:
    """The writer of candles.

    A stream ranks below the other sources: where another value is stored by REST or a
    published file, that value stays and the difference goes on record.

    Args:
        grace: a candle that closed no longer ago may still be late.
    """

    def store(
        connection: Connection, updates: Sequence[CandleUpdate], now: datetime
    ) -> Stored[CandleUpdate]:
        return _store(connection, updates, now, grace)

    return KindWriter(store, forming_statement, CANDLES_LOCK)


def _store(
    connection: Connection, updates: Sequence[CandleUpdate], now: datetime, grace: timedelta
) -> Stored[CandleUpdate]:
    """Stores closed candles; a flush never waits for another writer's batch."""
    ours = try_lock_series(connection, {update.series for update in updates})
    closed = [update for update in updates if update.series in ours]
    # In one order, for rows of several series are locked until the end.
    for timeframe, group in sorted(_by_timeframe(closed).items(), key=_name):
        left = insert_closed(connection, timeframe, group)
        while left:
            # The general way compares with what is stored; one candle at most once.
            first = {(update.channel, update.open_ms): update for update in reversed(left)}
            pages = [_as_page(update) for update in first.values()]
            store_group(connection, pages, now, grace)
            left = [u for u in left if first[u.channel, u.open_ms] is not u]
    return Stored(closed, [update for update in updates if update.series not in ours])


def _by_timeframe(updates: Iterable[CandleUpdate]) -> dict[Timeframe, list[CandleUpdate]]:
    groups: dict[Timeframe, list[CandleUpdate]] = defaultdict(list)
    for update in updates:
        groups[update.timeframe].append(update)
    return groups


def _name(group: tuple[Timeframe, list[CandleUpdate]]) -> str:
    return group[0].value


def _as_page(update: CandleUpdate) -> CheckedPage:
    opens = from_ms(update.open_ms)
    span = Span(opens, opens + update.timeframe.length)
    return CheckedPage(update.series, span, Source.STREAM, CandleRows.of_lines([update.line]))
