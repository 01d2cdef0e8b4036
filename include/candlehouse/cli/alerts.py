"""Command `alerts`: what is wrong now, by the thresholds of the settings."""

from __future__ import annotations

import dataclasses

import click

from candlehouse.cli.common import Output, output_options
from candlehouse.pipelines.alerts import evaluate_alerts
from candlehouse.settings import load_settings
from candlehouse.storage.database import connect
from candlehouse.storage.warehouse import ensure_warehouse


@click.command()
@output_options
@click.pass_context
def alerts(ctx: click.Context, out: Output) -> None:
    """Measure now and list the alerts that are open. Exits 1 if any is."""
    settings = load_settings()
    engine = connect(ensure_warehouse(settings))
    found = evaluate_alerts(engine, settings.alerts)
    engine.dispose()
    lines = [f"{one.raised_at:%Y-%m-%d %H:%M} {one.name} {one.message}" for one in found]
    out.result([dataclasses.asdict(one) for one in found], "\n".join(lines) or "no alert is open")
    ctx.exit(1 if found else 0)
