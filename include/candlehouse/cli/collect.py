"""Command `collect`: collects history, the newest candles, or whatever is missing."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import click

from candlehouse.cli.common import Moment, Output, output_options
from candlehouse.cli.options import series_options
from candlehouse.core.model import Span, Verdict
from candlehouse.core.planning.fetch_plan import Fetch, PlanCost
from candlehouse.core.planning.windows import Scope, Window, check_span
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.collecting.collect_run import (
    complete_scope,
    plan_scope,
    require_complete,
)
from candlehouse.pipelines.collecting.run_summary import describe_collection, describe_verdicts
from candlehouse.pipelines.fetching.collect_options import CollectReport
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.pipelines.universe.symbols import require_symbols
from candlehouse.pipelines.venue.wiring import open_exchange
from candlehouse.settings import Settings, load_settings


@click.command()
@click.argument("window", type=click.Choice([window.value for window in Window]))
@series_options
@click.option("--start", type=Moment(), help="Inclusive; UTC unless it says otherwise.")
@click.option("--end", type=Moment(), help="Exclusive.")
@click.option("--plan", "plan_only", is_flag=True, help="Show the fetches and do nothing.")
@output_options
def collect(
    window: str,
    symbols: tuple[str, ...],
    timeframes: tuple[Timeframe, ...],
    start: datetime | None,
    end: datetime | None,
    plan_only: bool,
    out: Output,
) -> None:
    """Collect candles: `backward`, `forward` or `gaps`.

    `backward` takes a range of the past, `forward` the current month up to now, `gaps`
    everything wanted that is missing. Symbols default to the universe, timeframes to
    TIMEFRAMES.
    """
    settings = load_settings()
    scope = Scope(Window(window), timeframes, symbols)
    asyncio.run(_collect(settings, scope, start, end, plan_only, out))


async def _collect(
    settings: Settings,
    scope: Scope,
    start: datetime | None,
    end: datetime | None,
    plan_only: bool,
    out: Output,
) -> None:
    async with open_exchange(settings) as (warehouse, source):
        weight = await require_symbols(warehouse, source, scope.symbols)
        now = await source.fetch_time()
        scope = dataclasses.replace(
            scope, span=take_closed_part(check_span(start, end, now), now, out)
        )
        if plan_only:
            plan = await plan_scope(warehouse, source, scope)
            show_plan(plan.fetches, plan.cost, out, weight + plan.first.weight)
            require_complete(plan.first)
            return
        with show_progress("collecting", out) as advance:
            collected, judged = await complete_scope(warehouse, source, scope, progress=advance)
    _show_report(collected, judged, out)
    require_complete(collected, judged)


def take_closed_part(span: Span | None, now: datetime, out: Output) -> Span | None:
    """The part of a range before the exchange's now; a remark names a part that is left out."""
    if span is None or span.end <= now:
        return span
    out.remark(f"left out: what lies after the exchange's now, {now:%Y-%m-%dT%H:%M:%SZ}")
    return Span(span.start, now)


@contextmanager
def show_progress(doing: str, out: Output) -> Iterator[Callable[[int], None] | None]:
    """Shows a progress bar on a terminal; yields the function that adds to its candles.

    Yields None without a terminal and with `--quiet`.
    """
    if out.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("candles", total=None)
        yield lambda candles: progress.advance(task, candles)


def show_plan(fetches: Sequence[Fetch], cost: PlanCost, out: Output, spent: int = 0) -> None:
    """Writes the fetches of a plan, one line per fetch, and their total cost.

    Args:
        fetches: in the order in which they would be made.
        cost: sum over the fetches.
        out: where to write.
        spent: request weight that making the plan has used.
    """
    value = {
        "files": cost.files,
        "requests": cost.requests,
        "weight": cost.weight,
        "candles": cost.candles,
        "seconds": round(cost.seconds, 1),
        "bytes": cost.bytes,
        "spent": spent,
        "fetches": [
            {
                "symbol": fetch.series.symbol,
                "timeframe": fetch.series.timeframe.value,
                "source": fetch.source.value,
                "file": _find_path(fetch),
                "start": fetch.span.start.isoformat(),
                "end": fetch.span.end.isoformat(),
            }
            for fetch in fetches
        ],
    }
    lines = [
        f"{fetch.series} {fetch.span} {_find_path(fetch) or fetch.source.value}"
        for fetch in fetches
    ]
    total = (
        f"{cost.files:,} files, {cost.requests:,} requests, weight {cost.weight:,},"
        f" up to {cost.candles:,} candles, about {cost.bytes / 1e6:,.1f} MB"
        f" and {cost.seconds:,.1f} s"
    )
    if spent:
        total += f"; making this plan used weight {spent:,}"
    out.result(value, "\n".join([*lines, total]))


def _find_path(fetch: Fetch) -> str | None:
    return None if fetch.file is None else VENUE.archive.path_of(fetch.file)


def _show_report(collected: CollectReport, judged: JudgeReport, out: Output) -> None:
    written = collected.written
    absent = {
        verdict.value: judged.verdicts[verdict] for verdict in Verdict if judged.verdicts[verdict]
    }
    value = {
        "files": collected.files,
        "requests": collected.requests,
        "inserted": written.inserted,
        "corrected": written.corrected,
        "refused": written.refused,
        "quarantined": written.quarantined,
        "absent": absent,
    }
    out.result(value, f"{describe_collection(collected)}; absent: {describe_verdicts(judged)}")
