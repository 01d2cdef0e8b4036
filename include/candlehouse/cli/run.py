"""Command `run`: what `make run` does."""

from __future__ import annotations

import click

from candlehouse.cli.common import Output, output_options


@click.command()
@output_options
@click.pass_context
def run(ctx: click.Context, out: Output) -> None:
    """Run everything until Ctrl-C: database, exchange, Airflow; then show the progress."""
    from candlehouse.stack.run import run_stack

    ctx.exit(run_stack(out.remark))
