"""Which slots of a series are stored, read from counts where these are sufficient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def select_held(
    connection: Connection,
    timeframe: Timeframe,
    asked: Mapping[str, Span],
    *,
    settled: bool = True,
) -> dict[str, list[Span]]:
    """Per symbol the stored slots within the requested range.

    Most days follow from their counts and from what is known to be absent; only the candles of the
    other days are read.

    Args:
        connection: any.
        timeframe: of all the series.
        asked: one range per symbol, on the slot grid.
        settled: whether no gap contains a candle, which holds outside of a transaction that
            writes. If False, gaps are ignored, and the candles of all incomplete days are read.

    Returns:
        Sorted, disjoint spans per symbol; symbols without stored slots are left out.
    """
    if not asked:
        return {}
    parameters = {
        "timeframe": timeframe.value,
        "length": timeframe.length,
        "settled": settled,
        **as_parameters(sorted(asked.items())),
    }
    held: dict[str, list[Span]] = defaultdict(list)
    unclear: list[tuple[str, Span]] = []
    for row in connection.execute(_SQL("select_held_islands"), parameters):
        span = Span(row.held_from, row.held_to)
        if row.known:
            held[row.symbol].append(span)
        else:
            unclear.append((row.symbol, span))
    for symbol, spans in select_slots(connection, timeframe, unclear).items():
        held[symbol].extend(spans)
    return {symbol: merge_spans(spans) for symbol, spans in held.items()}


def select_slots(
    connection: Connection, timeframe: Timeframe, ranges: Sequence[tuple[str, Span]]
) -> dict[str, list[Span]]:
    """The stored slots in `ranges`, read from the candles themselves.

    Returns:
        Sorted, disjoint spans per symbol, inside that symbol's ranges.
    """
    if not ranges:
        return {}
    parameters = {"length": timeframe.length, **as_parameters(ranges)}
    slots: dict[str, list[Span]] = defaultdict(list)
    for row in connection.execute(_SQL("select_slots", timeframe), parameters):
        slots[row.symbol].append(Span(row.held_from, row.held_to))
    return dict(slots)


def widen_to_neighbours(
    connection: Connection, timeframe: Timeframe, ranges: Mapping[str, Span]
) -> dict[str, Span]:
    """The ranges, each extended to the slots of the nearest stored candles on both sides.

    Args:
        connection: any.
        timeframe: of all the series.
        ranges: one range per symbol, on the slot grid.
    """
    if not ranges:
        return {}
    widened: dict[str, Span] = {}
    rows = connection.execute(
        _SQL("select_neighbours", timeframe), as_parameters(sorted(ranges.items()))
    )
    for row in rows:
        start, end = ranges[row.symbol]
        if row.before is not None:
            start = timeframe.floor(row.before)
        if row.after is not None:
            end = timeframe.floor(row.after) + timeframe.length
        widened[row.symbol] = Span(start, end)
    return widened


def as_parameters(ranges: Sequence[tuple[str, Span]]) -> dict[str, object]:
    """Ranges of symbols, at least one, as parameters of SQL statements."""
    return {
        "symbols": [symbol for symbol, _ in ranges],
        "starts": [span.start for _, span in ranges],
        "ends": [span.end for _, span in ranges],
        "low": min(span.start for _, span in ranges),
        "high": max(span.end for _, span in ranges),
    }
