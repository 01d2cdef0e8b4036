"""Reads and writes gaps; the gaps of a series are disjoint, and adjacent ones are merged."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from candlehouse.core.gaps import count_slots, cut_gaps, overlay_gaps
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)

# A gap and the symbol that lacks its candles.
_Row = tuple[str, Gap]


def select_gaps(
    connection: Connection, timeframe: Timeframe, ranges: Sequence[tuple[str, Span]]
) -> dict[str, list[Gap]]:
    """Gaps that overlap or touch `ranges`, whole, in order of start per symbol."""
    if not ranges:
        return {}
    parameters = {
        "timeframe": timeframe.value,
        "symbols": [symbol for symbol, _ in ranges],
        "starts": [span.start for _, span in ranges],
        "ends": [span.end for _, span in ranges],
    }
    found: dict[str, dict[datetime, Gap]] = defaultdict(dict)
    for row in connection.execute(_SQL("select_gaps"), parameters):
        found[row.symbol][row.gap_start] = _gap(row)
    return {symbol: list(gaps.values()) for symbol, gaps in found.items()}


def select_judged_by_held(
    connection: Connection, timeframe: Timeframe, span: Span
) -> dict[str, list[Gap]]:
    """Gaps in `span` that stored candles of other symbols may explain, without asking the exchange.

    These gaps are pending, or outages without other evidence; whole, in order of start per symbol.
    """
    parameters = {"timeframe": timeframe.value, "low": span.start, "high": span.end}
    found: dict[str, list[Gap]] = defaultdict(list)
    for row in connection.execute(_SQL("select_judged_by_held"), parameters):
        found[row.symbol].append(_gap(row))
    return dict(found)


def select_pending(connection: Connection, symbols: Sequence[str]) -> dict[Series, list[Span]]:
    """Per series the ranges that were asked for, did not come and have no verdict, by start."""
    found: dict[Series, list[Span]] = defaultdict(list)
    for row in connection.execute(_SQL("select_pending"), {"symbols": list(symbols)}):
        series = Series(row.symbol, Timeframe(row.timeframe))
        found[series].append(Span(row.gap_start, row.gap_end))
    return dict(found)


def record_gaps(
    connection: Connection,
    timeframe: Timeframe,
    fresh: Mapping[str, Sequence[Gap]],
    checked_at: datetime,
) -> None:
    """Replaces what the gaps stated about the same slots by new verdicts.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        fresh: new gaps per symbol, disjoint.
        checked_at: the exchange's time.
    """
    ranges = [(symbol, gap.span) for symbol, gaps in fresh.items() for gap in gaps]
    before = select_gaps(connection, timeframe, ranges)
    after = {symbol: overlay_gaps(before.get(symbol, []), gaps) for symbol, gaps in fresh.items()}
    _replace(connection, timeframe, before, after, checked_at)


def fill_gaps(
    connection: Connection,
    timeframe: Timeframe,
    filled: Mapping[str, Sequence[Span]],
    filled_at: datetime,
) -> None:
    """Moves gaps that candles now fill to the gap history.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        filled: per symbol the ranges of slots that are stored now.
        filled_at: the exchange's time.
    """
    ranges = [(symbol, span) for symbol, spans in filled.items() for span in spans]
    before = select_gaps(connection, timeframe, ranges)
    left: dict[str, list[Gap]] = {}
    gone: list[_Row] = []
    for symbol, old in before.items():
        left[symbol], moved = cut_gaps(old, filled[symbol])
        gone += [(symbol, _as_judged(gap)) for gap in moved]
    _replace(connection, timeframe, before, left, filled_at)
    _insert(connection, "insert_gap_history", timeframe, gone, filled_at)


def _gap(row: Row[Any]) -> Gap:
    span = Span(row.gap_start, row.gap_end)
    return Gap(span, Verdict(row.verdict), row.evidence, row.next_check_at)


def _as_judged(gap: Gap) -> Gap:
    """The gap with the verdict that it had before it was checked again."""
    was = gap.evidence.get("was")
    return gap if was is None else replace(gap, verdict=Verdict(was))


def _replace(
    connection: Connection,
    timeframe: Timeframe,
    before: Mapping[str, Sequence[Gap]],
    after: Mapping[str, Sequence[Gap]],
    checked_at: datetime,
) -> None:
    # An unchanged gap keeps its row, and so the time of its last check.
    dropped, added = _subtract(before, after), _subtract(after, before)
    if dropped:
        connection.execute(_SQL("delete_gaps"), _keys(timeframe, dropped))
    _insert(connection, "insert_gaps", timeframe, added, checked_at)


def _subtract(gaps: Mapping[str, Sequence[Gap]], others: Mapping[str, Sequence[Gap]]) -> list[_Row]:
    return [
        (symbol, gap)
        for symbol, of_symbol in gaps.items()
        for gap in of_symbol
        if gap not in others.get(symbol, ())
    ]


def _insert(
    connection: Connection,
    statement: str,
    timeframe: Timeframe,
    rows: Sequence[_Row],
    checked_at: datetime,
) -> None:
    if not rows:
        return
    gaps = [gap for _, gap in rows]
    values = {
        "ends": [gap.span.end for gap in gaps],
        "missing": [count_slots([gap.span], timeframe) for gap in gaps],
        "verdicts": [gap.verdict.value for gap in gaps],
        "evidence": [json.dumps(gap.evidence) for gap in gaps],
        "next_checks": [gap.next_check_at for gap in gaps],
        "checked_at": checked_at,
    }
    connection.execute(_SQL(statement), {**_keys(timeframe, rows), **values})


def _keys(timeframe: Timeframe, rows: Sequence[_Row]) -> dict[str, object]:
    return {
        "timeframe": timeframe.value,
        "symbols": [symbol for symbol, _ in rows],
        "starts": [gap.span.start for _, gap in rows],
    }
