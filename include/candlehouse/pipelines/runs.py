"""A run of collection, as a DAG's tasks or a person's command carry it out.

`collect_scope` may run many times at once over groups of symbols; `judge_scope` runs
once when all of them are through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import Engine

from candlehouse.core.errors import CollectionIncomplete, UniverseEmpty
from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Series, Span
from candlehouse.core.plan import Fetch, PlanCost, plan_cost
from candlehouse.core.ports import CandleArchive, CandleSource
from candlehouse.core.windows import Scope, Window, window_span
from candlehouse.pipelines.collect import collect, learn_first_candles
from candlehouse.pipelines.exchange_choice import open_archive
from candlehouse.pipelines.judging.verdicts import JudgeReport, judge_gaps
from candlehouse.pipelines.options import CollectOptions, CollectReport
from candlehouse.pipelines.planning import plan_collection
from candlehouse.pipelines.recheck import recheck_files
from candlehouse.settings import Settings
from candlehouse.storage.catalog import select_members_ever
from candlehouse.storage.exchange_state import ASSUMED_WEIGHT_LIMIT, select_exchange_state
from candlehouse.storage.loads import look_at_loads
from candlehouse.storage.series import select_series, want_series


def select_symbols(engine: Engine, scope: Scope) -> tuple[str, ...]:
    """The symbols that a run is about: those named, or all that were ever members.

    Raises:
        UniverseEmpty: when there are none; a run over nothing must not succeed.
    """
    if scope.symbols:
        return scope.symbols
    with engine.connect() as connection:
        members = tuple(select_members_ever(connection))
    if not members:
        raise UniverseEmpty("the universe is empty: refresh it first (universe refresh)")
    return members


async def collect_scope(
    settings: Settings,
    engine: Engine,
    source: CandleSource,
    scope: Scope,
    progress: Callable[[int], None] | None = None,
) -> CollectReport:
    """Collects what is pending in a scope; failed series are in the report."""
    now = await source.fetch_time()
    asked, failures = await find_asked(settings, engine, source, scope, now)
    async with open_archive(settings, engine) as archive:
        options = _options(settings, progress, archive)
        report = await collect(engine, source, asked, now, options)
        if scope.window is Window.GAPS and archive is not None:
            report.written += await recheck_files(engine, archive, asked, now, options.grace)
    report.failures.update(failures)
    return report


async def judge_scope(
    settings: Settings, engine: Engine, source: CandleSource, scope: Scope
) -> JudgeReport:
    """Gives what is still missing in a scope its verdicts, and notes which series have loaded."""
    now = await source.fetch_time()
    asked, failures = await find_asked(settings, engine, source, scope, now)
    async with open_archive(settings, engine) as archive:
        options = _options(settings, None, archive)
        report = await judge_gaps(engine, source, asked, now, options)
    await asyncio.to_thread(_look_at_loads, engine)
    report.failures.update(failures)
    return report


async def plan_scope(
    settings: Settings, engine: Engine, source: CandleSource, scope: Scope
) -> tuple[Sequence[Fetch], PlanCost]:
    """The fetches that `collect_scope` would make now, and what they would cost."""
    now = await source.fetch_time()
    asked, _ = await find_asked(settings, engine, source, scope, now)
    async with open_archive(settings, engine) as archive:
        options = _options(settings, None, archive)
        plan = await asyncio.to_thread(plan_collection, engine, asked, now, options)
    limit = await asyncio.to_thread(_select_weight_limit, engine)
    return plan.fetches, plan_cost(plan.fetches, limit * settings.weight_share / 60)


async def find_asked(
    settings: Settings, engine: Engine, source: CandleSource, scope: Scope, now: datetime
) -> tuple[dict[Series, Span], dict[Series, str]]:
    """The range of each series that a run asks for.

    Learns the first candle of series that are new, and makes the history of members wanted.

    Returns:
        Ranges, and why for each series whose first candle could not be asked.

    Raises:
        UniverseEmpty: when the scope names no symbol and the universe has none.
    """
    symbols = await asyncio.to_thread(select_symbols, engine, scope)
    every = [Series(symbol, timeframe) for symbol in symbols for timeframe in scope.timeframes]
    failures = await learn_first_candles(engine, source, every)
    ready = [series for series in every if series not in failures]
    asked = await asyncio.to_thread(_select_asked, settings, engine, scope, ready, now)
    return asked, failures


def _select_asked(
    settings: Settings, engine: Engine, scope: Scope, ready: Collection[Series], now: datetime
) -> dict[Series, Span]:
    window = window_span(scope, settings.collection_start, now)
    asked: dict[Series, Span] = {}
    with engine.begin() as connection:
        members = set(select_members_ever(connection))
        symbols = sorted({series.symbol for series in ready} & members)
        want_series(connection, symbols, settings.timeframes, settings.collection_start)
        rows = select_series(connection, scope.timeframes)
    for series in ready:
        row = rows[series]
        wanted = row.wanted(series.timeframe.floor(now - settings.close_grace))
        if scope.window is Window.GAPS:
            span = _clamp(wanted, scope.span) if wanted else scope.span
        elif scope.span is None and row.wanted_to is not None:
            # The symbol left: only what it had while it traded is wanted.
            span = _clamp(window, Span(settings.collection_start, row.wanted_to))
        else:
            span = window
        if span is not None:
            asked[series] = span
    return asked


def _clamp(span: Span | None, bounds: Span | None) -> Span | None:
    if span is None or bounds is None:
        return span
    return clamp_span(span, bounds) if bounds.start < bounds.end else None


def require_complete(*reports: CollectReport | JudgeReport) -> None:
    """Raises for the series that failed in any of the reports.

    Raises:
        CollectionIncomplete: naming each failed series and why.
    """
    failures = {str(series): why for report in reports for series, why in report.failures.items()}
    if failures:
        raise CollectionIncomplete(failures)


def _look_at_loads(engine: Engine) -> None:
    with engine.begin() as connection:
        look_at_loads(connection)


def _select_weight_limit(engine: Engine) -> int:
    with engine.connect() as connection:
        state = select_exchange_state(connection)
    return ASSUMED_WEIGHT_LIMIT if state is None else state.weight_limit


def _options(
    settings: Settings,
    progress: Callable[[int], None] | None = None,
    archive: CandleArchive | None = None,
) -> CollectOptions:
    return CollectOptions(settings.batch_size, settings.close_grace, progress, archive=archive)
