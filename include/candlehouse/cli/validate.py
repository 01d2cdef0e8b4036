"""Command `validate`: checks stored candles against the expectations."""

from __future__ import annotations

from datetime import datetime

import click

from candlehouse.cli.common import Moment, Output, output_options
from candlehouse.cli.options import series_options
from candlehouse.core.errors import ConfigurationError
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import Outcome, Reach, choose_scope
from candlehouse.pipelines.universe.symbols import require_recorded
from candlehouse.pipelines.validating.validate import ValidationReport
from candlehouse.pipelines.validating.validate import validate as run_validation
from candlehouse.settings import load_settings
from candlehouse.storage.warehouse import open_warehouse


@click.command()
@series_options
@click.option("--start", type=Moment(), help="Inclusive; widened to whole UTC days.")
@click.option("--end", type=Moment(), help="Exclusive; widened likewise.")
@click.option("--new", is_flag=True, help="Only candles stored or changed since validation.")
@output_options
@click.pass_context
def validate(
    ctx: click.Context,
    symbols: tuple[str, ...],
    timeframes: tuple[Timeframe, ...],
    start: datetime | None,
    end: datetime | None,
    new: bool,
    out: Output,
) -> None:
    """Check stored candles against expectations. Exits 1 if an expectation is broken.

    Covers all stored candles by default. Flags that depend on neighbouring candles are set
    first. Results go to market.validation_results and to an HTML page below CANDLEHOUSE_HOME;
    market.validation_totals says how many candles are validated.
    """
    if new and (start or end):
        raise ConfigurationError("--new is about everything that is stored: it takes no range")
    reach = Reach.NEW if new else Reach.EVERYTHING
    scope = choose_scope(reach, symbols, timeframes, start, end)
    with open_warehouse(load_settings()) as warehouse:
        require_recorded(warehouse, symbols)
        report = run_validation(warehouse, scope)
    if report.exchange_time is None:
        out.remark("nothing to validate: no exchange was chosen yet")
    elif not report.candles:
        out.remark("no candles are stored in the range to validate")
    if report.flags.changed:
        out.remark(f"the flags of {report.flags.changed:,} candles were changed")
    _show(report, out)
    ctx.exit(0 if report.success else 1)


def _show(report: ValidationReport, out: Output) -> None:
    failed = [outcome for outcome in report.outcomes if not outcome.success]
    value = {
        "run": report.run_id,
        "success": report.success,
        "exchange_time": report.exchange_time,
        "candles": report.candles,
        "page": report.page,
        "expectations": [_plain(outcome) for outcome in report.outcomes],
    }
    broken = sum(outcome.fails_run for outcome in failed)
    total = (
        f"{len(report.outcomes)} expectations over {report.candles:,} candles:"
        f" {broken} broken, {len(failed) - broken} warnings; {report.page}"
    )
    out.result(value, "\n".join([*map(str, failed), total]))


def _plain(outcome: Outcome) -> dict[str, object]:
    return {
        "suite": outcome.suite,
        "timeframe": None if outcome.timeframe is None else outcome.timeframe.value,
        "expectation": outcome.expectation,
        "severity": outcome.severity.value,
        "success": outcome.success,
        "checked": outcome.checked,
        "unexpected": outcome.unexpected,
        "samples": [dict(sample) for sample in outcome.samples],
        "exception": outcome.exception,
    }
