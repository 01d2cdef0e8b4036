"""Which range of each series a run asks for: found out first, and registered afterwards.

Finding out stores nothing, so that a plan can be shown that leaves no trace.
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
class Asked:
    """What a run asks for.

    Attributes:
        spans: a range of each series.
        parts: what of these ranges is meant, sorted and on the slot grid; all of it when None.
        first: what the exchange has said of first candles that were not known.
    """

    spans: dict[Series, Span]
    parts: dict[Series, list[Span]] | None = None
    first: FirstCandles = field(default_factory=FirstCandles)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the warehouse says before anything is asked.

    Attributes:
        members: symbols that were ever in the universe.
        rows: of series that there are.
        pending: gaps without a verdict of each series; only for the window of gaps.
    """

    symbols: tuple[str, ...]
    members: frozenset[str]
    rows: Mapping[Series, SeriesRow]
    pending: Mapping[Series, list[Span]]


def select_symbols(warehouse: Warehouse, scope: Scope) -> tuple[str, ...]:
    """The symbols that a run is about: those named, or all that were ever members.

    A run that fills gaps is also about symbols that never were members, where anything of
    them is wanted or was asked for and is pending.

    Raises:
        UniverseEmpty: when there are none; a run over nothing must not succeed.
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


async def find_asked(
    warehouse: Warehouse, source: CandleSource, scope: Scope, now: datetime
) -> Asked:
    """What a run asks for. Nothing is stored; unknown first candles are asked for.

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
    return Asked(spans, parts if scope.window is Window.GAPS else None, first)


async def register_asked(warehouse: Warehouse, asked: Asked) -> None:
    """Stores first candles that were found, and makes the history of members wanted."""
    await warehouse.in_thread(_register, asked)


def _register(warehouse: Warehouse, asked: Asked) -> None:
    symbols = {series.symbol for series in (*asked.spans, *asked.first.found)}
    with warehouse.write() as connection:
        upsert_first_open_times(connection, asked.first.found)
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
    """The series that a run is about; of gaps, without a range, only those that may have any."""
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
    """Gaps in files of one's own are no failure where the exchange has no such symbol."""
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
    """The row of a series as it is once what was found is registered."""
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
    """The window; of a symbol that left only what it had while it traded."""
    if window is None or scope.span is not None or row.wanted_to is None:
        return window
    if row.wanted_to <= settings.collection_start:
        return None
    return clamp_span(window, Span(settings.collection_start, row.wanted_to))


def _find_pieces(
    settings: Settings, scope: Scope, row: SeriesRow, pending: Sequence[Span], now: datetime
) -> list[Span]:
    """What a run of gaps asks a series for: what is wanted, and what was asked for before."""
    timeframe = row.series.timeframe
    wanted = row.wanted(timeframe.floor(now - settings.close_grace))
    pieces = merge_spans([*([wanted] if wanted else []), *pending])
    if scope.span is not None:
        pieces = intersect_spans(pieces, [scope.span]) if wanted else [scope.span]
    return merge_spans([align_span(piece, timeframe) for piece in pieces])
