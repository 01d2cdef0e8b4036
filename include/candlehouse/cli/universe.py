"""Commands `universe ...`."""

from __future__ import annotations

import asyncio
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from candlehouse.cli.common import Moment, Output, output_options
from candlehouse.cli.past_universe import backfill
from candlehouse.core.errors import UniverseEmpty
from candlehouse.core.universe.past_universe import BACKFILLED
from candlehouse.pipelines.collecting.run_summary import describe_refresh
from candlehouse.pipelines.universe.refresh import RefreshReport, refresh_universe
from candlehouse.pipelines.venue.wiring import open_exchange
from candlehouse.settings import load_settings
from candlehouse.storage.universe.catalog import Snapshot, select_snapshot
from candlehouse.storage.warehouse import open_warehouse


@click.group()
def universe() -> None:
    """Which pairs are collected."""


universe.add_command(backfill)


@universe.command()
@output_options
def refresh(out: Output) -> None:
    """Take a new snapshot: rank every pair and choose the members."""
    report = asyncio.run(_refresh())
    for failure in report.failures:
        out.remark(f"a source of market sizes was not used: {failure}")
    value = {
        **_to_json(report.snapshot),
        "joined": list(report.joined),
        "left": list(report.left),
        "returned": [one.symbol for one in report.returned],
        "failures": list(report.failures),
    }
    out.result(value, describe_refresh(report))


@universe.command()
@click.option("--at", "moment", type=Moment(), help="Show the members at this time, not now.")
@output_options
def show(moment: datetime | None, out: Output) -> None:
    """Show the members, by rank."""
    with open_warehouse(load_settings()) as warehouse, warehouse.read() as connection:
        snapshot = select_snapshot(connection, moment)
    if snapshot is None:
        then = "" if moment is None else f" at {moment.isoformat()}"
        way = "take one with universe refresh"
        if moment is not None:
            way = "make snapshots of past months with universe backfill"
        raise UniverseEmpty(f"there is no snapshot{then}: {way}")
    out.result(_to_json(snapshot), "" if out.as_json else _render(snapshot))


async def _refresh() -> RefreshReport:
    async with open_exchange(load_settings()) as (warehouse, source):
        return await refresh_universe(warehouse, source)


def _to_json(snapshot: Snapshot) -> dict[str, object]:
    return {
        "as_of": snapshot.as_of.isoformat(),
        "source": snapshot.source,
        "members": [
            {
                "rank": member.rank,
                "symbol": member.symbol,
                "base_asset": member.base_asset,
                # Exact, as everywhere: a JSON number would be read as a float.
                "market_cap_usd": None
                if member.market_cap_usd is None
                else format(member.market_cap_usd, "f"),
            }
            for member in snapshot.members
        ],
    }


def _render(snapshot: Snapshot) -> str:
    table = Table("rank", "symbol", "base", "market cap, USD")
    table.columns[0].justify = table.columns[3].justify = "right"
    for member in snapshot.members:
        market_cap = "" if member.market_cap_usd is None else f"{member.market_cap_usd:,.0f}"
        table.add_row(str(member.rank), member.symbol, member.base_asset, market_cap)
    table.title = f"{len(snapshot.members)} pairs as of {snapshot.as_of:%Y-%m-%dT%H:%M:%SZ}"
    table.caption = f"ranked by {snapshot.source}"
    if snapshot.source == BACKFILLED:
        table.caption += ": the volume of the month before, fetched afterwards"
    console = Console()
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()
