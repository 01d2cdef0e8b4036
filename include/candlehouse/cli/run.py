"""Command `run`: starts database, exchange and Airflow, for `make run`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace

import click
from rich.console import Console

from candlehouse.cli.common import Output, output_options
from candlehouse.pipelines.status import Totals, add_up
from candlehouse.pipelines.universe.refresh import RefreshReport, refresh_universe
from candlehouse.pipelines.venue.exchange_choice import resolve_exchange, wants_stand_in
from candlehouse.pipelines.venue.wiring import open_exchange
from candlehouse.settings import Settings
from candlehouse.stack.run import run_stack
from candlehouse.storage.completeness.coverage import select_status
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate
from candlehouse.storage.warehouse import Warehouse, open_warehouse

# Shown as `application_name` in pg_stat_activity.
_APPLICATION = "candlehouse run"


@click.command()
@output_options
@click.pass_context
def run(ctx: click.Context, out: Output) -> None:
    """Run everything until Ctrl-C: database, exchange, Airflow; then show the progress."""
    ctx.exit(run_stack(UseCases(), Console(quiet=out.quiet)))


class UseCases:
    """Use cases that `candlehouse.stack` calls, each with a connection of its own."""

    def migrate(self, warehouse: str) -> None:
        """Brings the schema up to date."""
        migrate(warehouse)

    def wants_stand_in(self, settings: Settings, warehouse: str) -> bool:
        """Whether a stand-in has to be started for this warehouse."""
        with _open(settings, warehouse) as opened:
            return wants_stand_in(opened)

    def settle_exchange(self, settings: Settings, warehouse: str, sim_url: str | None) -> str:
        """Decides once which exchange the warehouse belongs to; returns its identity."""
        with _open(settings, warehouse) as opened:
            return resolve_exchange(opened, sim_url=sim_url).identity

    def refresh_universe(self, settings: Settings, warehouse: str) -> str:
        """Takes a snapshot of the universe; returns one sentence on its members."""
        report = asyncio.run(_refresh(replace(settings, database_url=warehouse)))
        count = len(report.snapshot.members)
        notes = "".join(f"; {failure}" for failure in report.failures)
        return f"universe: {count} symbols by {report.snapshot.source}{notes}"

    def read_totals(self, warehouse: str) -> Totals:
        """Counts of expected, present, absent and pending candles over everything wanted."""
        engine = connect(warehouse, _APPLICATION)
        try:
            with engine.connect() as connection:
                return add_up(select_status(connection))
        finally:
            engine.dispose()


def _open(settings: Settings, url: str) -> AbstractContextManager[Warehouse]:
    return open_warehouse(replace(settings, database_url=url), _APPLICATION)


async def _refresh(settings: Settings) -> RefreshReport:
    async with open_exchange(settings, _APPLICATION) as (warehouse, source):
        return await refresh_universe(warehouse, source)
