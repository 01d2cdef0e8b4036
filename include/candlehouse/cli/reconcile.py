"""Command `reconcile`: compares stored candles with REST and with the published files."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from datetime import datetime

import click

from candlehouse.cli.collect import show_plan, show_progress, take_closed_part
from candlehouse.cli.common import Moment, Output, output_options
from candlehouse.cli.options import series_options
from candlehouse.core.planning.windows import Scope, Window, check_span
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.collecting.run_summary import describe_agreement
from candlehouse.pipelines.reconciling.reconcile import ReconcileReport, require_reconciled
from candlehouse.pipelines.reconciling.reconcile_run import (
    plan_reconciliation,
    reach_exchange,
    reconcile_scope,
)
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.truth.agreement import Total
from candlehouse.storage.warehouse import open_warehouse


@click.command()
@series_options
@click.option("--start", type=Moment(), help="Inclusive; UTC unless it says otherwise.")
@click.option("--end", type=Moment(), help="Exclusive.")
@click.option("--plan", "plan_only", is_flag=True, help="Show the fetches and do nothing.")
@click.option("--reload", is_flag=True, help="Load files again even if they have not changed.")
@output_options
def reconcile(
    symbols: tuple[str, ...],
    timeframes: tuple[Timeframe, ...],
    start: datetime | None,
    end: datetime | None,
    plan_only: bool,
    reload: bool,
    out: Output,
) -> None:
    """Compare stored candles with REST and with the published files, and correct them.

    The range defaults to the last three whole UTC days and today, symbols to the universe,
    timeframes to all that are collected or streamed. Exits 1 if anything could not be compared.
    """
    settings = load_settings()
    # As for gaps, the range of each series is what is wanted of it.
    scope = Scope(Window.GAPS, timeframes, symbols)
    asyncio.run(_reconcile(settings, scope, start, end, plan_only, reload, out))


async def _reconcile(
    settings: Settings,
    scope: Scope,
    start: datetime | None,
    end: datetime | None,
    plan_only: bool,
    reload: bool,
    out: Output,
) -> None:
    with open_warehouse(settings) as warehouse:
        async with reach_exchange(warehouse) as reached:
            span = take_closed_part(check_span(start, end, reached.now), reached.now, out)
            scope = dataclasses.replace(scope, span=span)
            if plan_only:
                plan = await plan_reconciliation(warehouse, reached, scope, reload=reload)
                show_plan(*plan, out)
                return
            with show_progress("comparing", out) as advance:
                report = await reconcile_scope(
                    warehouse, reached, scope, reload=reload, progress=advance
                )
    _show_report(report, out)
    require_reconciled(report)


def _show_report(report: ReconcileReport, out: Output) -> None:
    value = {
        "run": report.run,
        "files": report.files,
        "unchanged": report.unchanged,
        "requests": report.requests,
        "corrected": report.written.corrected,
        "refused": report.written.refused,
        "quarantined": report.written.quarantined,
        "inserted": report.written.inserted,
        "agreement": [_to_json(total) for total in report.totals],
        "awaited": [VENUE.archive.path_of(file) for file in report.awaited],
        "left": [str(series) for series in report.left],
        "failures": report.failures,
    }
    lines = [describe_agreement(total) for total in report.totals if total.stored_from is not None]
    alone: Counter[str] = Counter()
    for total in report.totals:
        alone[total.source.value] += total.source_only
    lines += [
        f"{count:,} candles were missing here, and were stored from {source}"
        for source, count in alone.items()
        if count
    ]
    lines += [f"not published yet: {file}" for file in report.awaited]
    lines.append(
        f"{report.requests:,} requests, {report.files:,} files loaded,"
        f" {report.unchanged:,} unchanged; {report.written.corrected:,} candles corrected,"
        f" {report.written.refused:,} newly refused, {report.written.quarantined:,} quarantined"
    )
    out.result(value, "\n".join(lines))


def _to_json(total: Total) -> dict[str, object]:
    return {
        "source": total.source.value,
        "stored_from": None if total.stored_from is None else total.stored_from.value,
        "compared": total.compared,
        "equal": total.compared - total.differing,
        "differing": total.differing,
        "held_only": total.held_only,
        "source_only": total.source_only,
    }
