"""Command `run`: what `make run` does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from sqlalchemy import Engine

from candlehouse.cli.common import Output, output_options
from candlehouse.pipelines.status import Totals, add_up
from candlehouse.pipelines.universe.refresh import RefreshReport, refresh_universe
from candlehouse.pipelines.venue.exchange_choice import resolve_exchange, wants_stand_in
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import Settings
from candlehouse.stack.run import run_stack
from candlehouse.storage.completeness.coverage import select_status
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate


@click.command()
@output_options
@click.pass_context
def run(ctx: click.Context, out: Output) -> None:
    """Run everything until Ctrl-C: database, exchange, Airflow; then show the progress."""
    ctx.exit(run_stack(UseCases(), Console(quiet=out.quiet)))


class UseCases:
    """What the run asks for, each with a connection of its own."""

    def migrate(self, warehouse: str) -> None:
        """Brings the schema up to date."""
        migrate(warehouse)

    def wants_stand_in(self, settings: Settings, warehouse: str) -> bool:
        """Whether a stand-in has to be started for this warehouse."""
        with _engine(warehouse) as engine:
            return wants_stand_in(settings, engine)

    def settle_exchange(self, settings: Settings, warehouse: str, sim_url: str | None) -> str:
        """Decides which exchange the warehouse belongs to, once; gives its name."""
        with _engine(warehouse) as engine:
            return resolve_exchange(settings, engine, sim_url=sim_url).identity

    def refresh_universe(self, settings: Settings, warehouse: str) -> str:
        """Takes a snapshot of the universe."""

        async def refresh(engine: Engine) -> RefreshReport:
            async with open_source(settings, engine) as source:
                return await refresh_universe(settings, engine, source)

        with _engine(warehouse) as engine:
            report = asyncio.run(refresh(engine))
        count = len(report.snapshot.members)
        notes = "".join(f"; {failure}" for failure in report.failures)
        return f"universe: {count} symbols by {report.snapshot.source}{notes}"

    def read_totals(self, warehouse: str) -> Totals:
        """How far collection of everything wanted is."""
        with _engine(warehouse) as engine, engine.connect() as connection:
            return add_up(select_status(connection))


@contextmanager
def _engine(warehouse: str) -> Iterator[Engine]:
    engine = connect(warehouse, "candlehouse run")
    try:
        yield engine
    finally:
        engine.dispose()
