"""Runs a reconciliation, for the DAG's task and for the command line."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from candlehouse.core.errors import ExchangeUnavailable, RateLimited
from candlehouse.core.gaps import align_span, clamp_span
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.fetch_plan import Fetch, PlanCost, plan_cost
from candlehouse.core.planning.windows import Scope
from candlehouse.core.ports import MarketData
from candlehouse.core.reconciling.agreement import rolling_window
from candlehouse.core.timeframe import EPOCH
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.collecting.requested_ranges import select_symbols
from candlehouse.pipelines.fetching.collect_options import CollectOptions
from candlehouse.pipelines.reconciling.reconcile import (
    REST,
    ReconcileOptions,
    ReconcileReport,
    reconcile,
)
from candlehouse.pipelines.reconciling.reconcile_plan import plan_files, plan_rest
from candlehouse.pipelines.universe.symbols import require_recorded, require_symbols
from candlehouse.pipelines.venue.wiring import open_archive, open_source
from candlehouse.storage.completeness.series import SeriesRow, select_series
from candlehouse.storage.limits.exchange_state import (
    select_exchange_state,
)
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reached:
    """The exchange, or the reason why it cannot be reached.

    Attributes:
        source: the REST client; None when REST does not answer.
        now: the exchange's time; at its last contact when REST does not answer.
        problem: why REST does not answer; None when it does.
    """

    source: MarketData | None
    now: datetime
    problem: ExchangeUnavailable | RateLimited | None = None


@asynccontextmanager
async def reach_exchange(warehouse: Warehouse) -> AsyncIterator[Reached]:
    """The exchange of the warehouse; without REST, candles are compared with files alone.

    Raises:
        ExchangeUnavailable: when REST does not answer and never did.
        RateLimited: when REST refuses and never answered before.
        WrongExchange: when another exchange answers.
    """
    async with AsyncExitStack() as stack:
        try:
            source = await stack.enter_async_context(open_source(warehouse))
            reached = Reached(source, await source.fetch_time())
        except (ExchangeUnavailable, RateLimited) as error:
            state = await warehouse.read_in_thread(select_exchange_state)
            if state is None:
                raise
            _log.warning("REST is left out, only files are compared: %s", error)
            reached = Reached(None, state.exchange_time, error)
        yield reached


async def reconcile_scope(
    warehouse: Warehouse,
    reached: Reached,
    scope: Scope,
    *,
    reload: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ReconcileReport:
    """Compares a scope with REST and with the published files.

    Args:
        warehouse: to read from and to write to.
        reached: the exchange.
        scope: symbols, timeframes and range; without a range, the last three whole UTC days and
            today. Its window is ignored.
        reload: as in `ReconcileOptions`.
        progress: as in `CollectOptions`.

    Raises:
        ConfigurationError: when the scope names a symbol that does not exist.
        UniverseEmpty: when the scope names no symbol and the universe has none.
    """
    await _require_symbols(warehouse, reached, scope)
    requested = await warehouse.in_thread(_select_asked, scope, reached.now)
    async with open_archive(warehouse) as archive:
        collecting = CollectOptions(
            warehouse.settings.batch_size, warehouse.settings.close_grace, progress, archive=archive
        )
        options = ReconcileOptions(collecting, reload)
        report = await reconcile(warehouse, reached.source, requested, reached.now, options)
    if reached.problem is not None:
        report.failures[REST] = str(reached.problem)
        report.gate = reached.problem if isinstance(reached.problem, RateLimited) else None
    return report


async def plan_reconciliation(
    warehouse: Warehouse, reached: Reached, scope: Scope, *, reload: bool = False
) -> tuple[Sequence[Fetch], PlanCost]:
    """The fetches that `reconcile_scope` would make now, and their cost.

    Settled files, of which only the checksum is fetched, are not included.

    Raises:
        ConfigurationError: when the scope names a symbol that does not exist.
        UniverseEmpty: when the scope names no symbol and the universe has none.
    """
    await _require_symbols(warehouse, reached, scope)
    requested = await warehouse.in_thread(_select_asked, scope, reached.now)
    spans = {series: [span] for series, span in requested.items()}
    fetches = plan_rest(spans, warehouse.settings.batch_size)
    if warehouse.settings.archives:
        files = await warehouse.in_thread(plan_files, requested, reached.now, reload)
        fetches += files.fetches
    state = await warehouse.read_in_thread(select_exchange_state)
    limit = VENUE.rest.assumed_limit if state is None else state.weight_limit
    return fetches, plan_cost(fetches, VENUE.rest, limit * warehouse.settings.weight_share / 60)


async def _require_symbols(warehouse: Warehouse, reached: Reached, scope: Scope) -> None:
    if reached.source is not None:
        await require_symbols(warehouse, reached.source, scope.symbols)
    else:
        await warehouse.in_thread(require_recorded, scope.symbols)


def _select_asked(warehouse: Warehouse, scope: Scope, now: datetime) -> dict[Series, Span]:
    symbols = select_symbols(warehouse, scope)
    timeframes = scope.timeframes or warehouse.settings.kept_timeframes
    with warehouse.read() as connection:
        rows = select_series(connection, timeframes, symbols)
    requested: dict[Series, Span] = {}
    for symbol in symbols:
        for timeframe in timeframes:
            series = Series(symbol, timeframe)
            row = rows.get(series, SeriesRow(series, None, None, None))
            # The newest candles may still be on their way.
            settled = timeframe.floor(now - warehouse.settings.close_grace)
            span = scope.span or _usual(row, now, named=bool(scope.symbols))
            first = row.first_open_time or EPOCH
            bounds = Span(timeframe.floor(first), settled)
            part = clamp_span(align_span(span, timeframe), bounds) if span else None
            if part is not None:
                requested[series] = part
    return requested


def _usual(row: SeriesRow, now: datetime, *, named: bool) -> Span | None:
    """The part of the rolling window that is wanted of a series.

    A series that is not wanted has none, unless its symbol was named: then it has all.
    """
    window = rolling_window(now)
    if row.wanted_from is None:
        return window if named else None
    wanted = row.wanted(now)
    return clamp_span(window, wanted) if wanted else None
