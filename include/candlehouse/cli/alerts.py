"""Command `alerts`: evaluates the alerts now, and lists open ones and loads in progress."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import click

from candlehouse.cli.common import Output, output_options
from candlehouse.pipelines.alerts import evaluate_alerts
from candlehouse.settings import load_settings
from candlehouse.storage.completeness.loads import Load, select_loads
from candlehouse.storage.upkeep.alerts import OpenAlert
from candlehouse.storage.warehouse import open_warehouse


@click.command()
@output_options
@click.pass_context
def alerts(ctx: click.Context, out: Output) -> None:
    """Evaluate the alerts, and list open ones and loads in progress. Exits 1 if any is open."""
    with open_warehouse(load_settings()) as warehouse:
        found = evaluate_alerts(warehouse, warehouse.settings.alerts)
        with warehouse.read() as connection:
            loading = select_loads(connection)
    value = {
        "alerts": [dataclasses.asdict(one) for one in found],
        "loading": [dataclasses.asdict(one) for one in loading],
    }
    out.result(value, "\n".join(_render(found, loading)))
    ctx.exit(1 if found else 0)


def _render(found: Sequence[OpenAlert], loading: Sequence[Load]) -> Iterator[str]:
    """One line per open alert, then one per timeframe with a load in progress."""
    if not found:
        yield "no alert is open"
    for one in found:
        yield f"{one.raised_at:%Y-%m-%d %H:%M} {one.name} {one.message}"
    for load in loading:
        are = "is" if load.series == 1 else "are"
        yield (
            f"{load.timeframe}: {load.series} series {are} loading, {load.pending:,} candles"
            f" pending, since {load.started_at:%Y-%m-%d %H:%M}"
        )
