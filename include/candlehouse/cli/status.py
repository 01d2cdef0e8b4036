"""Commands `status` (how complete the warehouse is) and `verify` (whether its counts are right)."""

from __future__ import annotations

import dataclasses

import click
from rich.console import Console
from rich.table import Table

from candlehouse.cli.common import Output, output_options
from candlehouse.cli.options import series_options
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.status import Totals, add_up
from candlehouse.pipelines.universe.symbols import require_recorded
from candlehouse.settings import load_settings
from candlehouse.storage.completeness.coverage import SeriesStatus, find_differences, select_status
from candlehouse.storage.warehouse import open_warehouse

_PIPE_WIDTH = 200
_COLUMNS = ("symbol", "timeframe", "complete %", "expected", "present", "absent", "pending")


@click.command()
@series_options
@output_options
@click.pass_context
def status(
    ctx: click.Context, symbols: tuple[str, ...], timeframes: tuple[Timeframe, ...], out: Output
) -> None:
    """Show one line per series: how much is present, absent, pending. Exits 1 if any is pending."""
    with open_warehouse(load_settings()) as warehouse:
        require_recorded(warehouse, symbols)
        with warehouse.read() as connection:
            lines = select_status(connection, symbols or None, timeframes or None)
    totals = add_up(lines)
    value = {
        "series": [
            {**dataclasses.asdict(line), "complete_percent": _floor(line)} for line in lines
        ],
        "totals": dataclasses.asdict(totals),
    }
    out.result(value, _render(lines, totals))
    ctx.exit(1 if totals.pending else 0)


def _floor(line: SeriesStatus) -> float:
    # Rounded down, so that 100 means complete.
    return int(line.complete_percent * 100) / 100


def _render(lines: list[SeriesStatus], totals: Totals) -> str:
    table = Table(*_COLUMNS, "first", "last", "live", "history", "last error")
    for line in lines:
        table.add_row(
            line.symbol,
            line.timeframe,
            f"{_floor(line):.2f}",
            *(f"{n:,}" for n in (line.expected, line.present, line.absent, line.pending)),
            *(
                "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
                for moment in (line.first_open_time, line.last_open_time)
            ),
            "stream" if line.is_realtime else "",
            "loading" if line.is_loading else "",
            line.last_error or "",
        )
    # Outside a terminal, no column may be cut.
    console = Console() if Console().is_terminal else Console(width=_PIPE_WIDTH)
    with console.capture() as capture:
        console.print(table)
    return (
        f"{capture.get()}{len(lines)} series: {totals.expected:,} candles expected,"
        f" {totals.present:,} present, {totals.absent:,} absent, {totals.pending:,} pending"
        + (f"; {totals.loading} series loading" if totals.loading else "")
    )


@click.command()
@output_options
@click.pass_context
def verify(ctx: click.Context, out: Output) -> None:
    """Recompute coverage from the candles. Exits 1 if anything differs."""
    with open_warehouse(load_settings()) as warehouse, warehouse.read() as connection:
        differences = list(find_differences(connection))
    text = "\n".join(differences) or "coverage agrees with the candles"
    out.result({"differences": differences}, text)
    ctx.exit(1 if differences else 0)
