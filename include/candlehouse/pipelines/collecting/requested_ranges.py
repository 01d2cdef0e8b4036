"""Determines the range of each series that a run requests, and registers it as wanted.

Determining stores nothing, so that `--plan` leaves no trace; registering is a step of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from candlehouse.core.errors import UniverseEmpty
from candlehouse.core.gaps import align_span, clamp_span, intersect_spans, merge_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.windows import Scope, Window, window_span
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.fetching.first_candles import FirstCandles, fetch_first_candles
from candlehouse.settings import Settings
from candlehouse.storage.completeness.gaps import select_pending
from candlehouse.storage.completeness.series import (
    SeriesRow,
    select_series,
    select_unfinished,
    upsert_first_open_times,
    want_series,
)
from candlehouse.storage.universe.catalog import select_members_ever
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RequestedRanges:
    """The ranges that a run requests.

    Attributes:
        spans: one half-open range per series.
        parts: the parts of these ranges to collect, sorted and on the slot grid; all of them
            when None.
        first: first candles that were not known and were requested from the exchange.
    """

    spans: dict[Series, Span]
    parts: dict[Series, list[Span]] | None = None
    first: FirstCandles = field(default_factory=FirstCandles)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the warehouse knows before the exchange is asked.

    Attributes:
        symbols: the symbols of the run, sorted.
        members: symbols that were ever in the universe.
        rows: stored state by series.
        pending: pending gaps by series; empty unless the window is GAPS.
    """

    symbols: tuple[str, ...]
    members: frozenset[str]
    rows: Mapping[Series, SeriesRow]
    pending: Mapping[Series, list[Span]]


def select_symbols(warehouse: Warehouse, scope: Scope) -> tuple[str, ...]:
    """The symbols of a run, sorted: those of the scope, or all present and past members.

    A run that fills gaps also covers other symbols with wanted or pending candles.

    Raises:
        UniverseEmpty: when there are none, because a run over nothing must not succeed.
    """
    if scope.symbols:
        return scope.symbols
    with warehouse.read() as connection:
        symbols = set(select_members_ever(connection))
        if scope.window is Window.GAPS:
            symbols.update(select_unfinished(connection))
    if not symbols:
        raise UniverseEmpty("the universe is empty: refresh it first (universe refresh)")
    return tuple(sorted(symbols))


async def find_requested(
    warehouse: Warehouse, source: CandleSource, scope: Scope, now: datetime
) -> RequestedRanges:
    """The ranges that a run requests. Stores nothing; unknown first candles are fetched.

    Args:
        warehouse: to read from.
        source: the REST client, for first candles.
        scope: of the run.
        now: the exchange's time.

    Raises:
        UniverseEmpty: when the scope names no symbol and the universe has none.
    """
    known = await warehouse.in_thread(_read, scope)
    every = _find_series(warehouse.settings, scope, known)
    first = await fetch_first_candles(warehouse, source, every)
    if scope.window is Window.GAPS:
        _ignore_foreign(warehouse.settings, known, first)
    window = window_span(scope, warehouse.settings.collection_start, now)
    spans: dict[Series, Span] = {}
    parts: dict[Series, list[Span]] = {}
    for series in every:
        if series in first.failures or series in first.foreign:
            continue
        row = _row(warehouse.settings, known, first, series)
        if scope.window is not Window.GAPS:
            span = _clamp_to_life(warehouse.settings, scope, row, window)
        elif pieces := _find_pieces(
            warehouse.settings, scope, row, known.pending.get(series, []), now
        ):
            parts[series] = pieces
            span = Span(pieces[0].start, pieces[-1].end)
        else:
            span = None
        if span is not None:
            spans[series] = span
    return RequestedRanges(spans, parts if scope.window is Window.GAPS else None, first)


async def register_requested(warehouse: Warehouse, requested: RequestedRanges) -> None:
    """Stores the first candles that were fetched, and makes the history of members wanted."""
    await warehouse.in_thread(_register, requested)


def _register(warehouse: Warehouse, requested: RequestedRanges) -> None:
    symbols = {series.symbol for series in (*requested.spans, *requested.first.found)}
    with warehouse.write() as connection:
        upsert_first_open_times(connection, requested.first.found)
        members = sorted(symbols & set(select_members_ever(connection)))
        want_series(
            connection, members, warehouse.settings.timeframes, warehouse.settings.collection_start
        )


def _read(warehouse: Warehouse, scope: Scope) -> _Known:
    symbols = select_symbols(warehouse, scope)
    with warehouse.read() as connection:
        pending = select_pending(connection, symbols) if scope.window is Window.GAPS else {}
        return _Known(
            symbols,
            frozenset(select_members_ever(connection)),
            select_series(connection, scope.timeframes or tuple(Timeframe), symbols),
            pending,
        )


def _find_series(settings: Settings, scope: Scope, known: _Known) -> list[Series]:
    """The series of a run; when filling gaps without a range, only those that may have any."""
    timeframes = scope.timeframes or settings.usual_timeframes(scope.window)
    every = {Series(symbol, timeframe) for symbol in known.symbols for timeframe in timeframes}
    if scope.window is Window.GAPS:
        wanted = {series for series, row in known.rows.items() if row.wanted_from is not None}
        unfinished = wanted | set(known.pending)
        if scope.timeframes:
            unfinished = {one for one in unfinished if one.timeframe in scope.timeframes}
        if scope.span is None:
            every = {one for one in every if _is_collected(settings, known, one)}
        every |= unfinished
    return sorted(every, key=str)


def _ignore_foreign(settings: Settings, known: _Known, first: FirstCandles) -> None:
    """Takes imported series that the exchange does not know out of the failures."""
    foreign = {one for one in first.unknown if not _is_wanted(settings, known, one)}
    if foreign:
        _log.warning(
            "the exchange does not know %s: what is missing of it stays pending",
            ", ".join(sorted(map(str, foreign))),
        )
    first.ignore(foreign)


def _is_wanted(settings: Settings, known: _Known, series: Series) -> bool:
    row = known.rows.get(series)
    has_start = row is not None and row.wanted_from is not None
    return has_start or _is_collected(settings, known, series)


def _is_collected(settings: Settings, known: _Known, series: Series) -> bool:
    return series.symbol in known.members and series.timeframe in settings.timeframes


def _row(settings: Settings, known: _Known, first: FirstCandles, series: Series) -> SeriesRow:
    """The stored state of a series as it will be after `register_requested`."""
    row = known.rows.get(series, SeriesRow(series, None, None, None))
    if series in first.found:
        row = replace(row, first_open_time=first.found[series])
    if _is_collected(settings, known, series):
        start = row.history_start(settings.collection_start)
        row = row if start is None else replace(row, wanted_from=start)
    return row


def _clamp_to_life(
    settings: Settings, scope: Scope, row: SeriesRow, window: Span | None
) -> Span | None:
    """The window, cut to the time in which the symbol traded unless the scope has a range."""
    if window is None or scope.span is not None or row.wanted_to is None:
        return window
    if row.wanted_to <= settings.collection_start:
        return None
    return clamp_span(window, Span(settings.collection_start, row.wanted_to))


def _find_pieces(
    settings: Settings, scope: Scope, row: SeriesRow, pending: Sequence[Span], now: datetime
) -> list[Span]:
    """The ranges that a gap run requests of a series: wanted ones, and pending gaps."""
    timeframe = row.series.timeframe
    wanted = row.wanted(timeframe.floor(now - settings.close_grace))
    pieces = merge_spans([*([wanted] if wanted else []), *pending])
    if scope.span is not None:
        pieces = intersect_spans(pieces, [scope.span]) if wanted else [scope.span]
    return merge_spans([align_span(piece, timeframe) for piece in pieces])
