"""The command `universe backfill`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from candlehouse.cli.common import Output, output_options
from candlehouse.pipelines.universe.past_universe import (
    PastPlan,
    PastReport,
    backfill_universe,
    plan_past,
)
from candlehouse.pipelines.venue.wiring import open_exchange
from candlehouse.settings import load_settings

_NOTHING = "nothing to do: every month before the first snapshot has its own"


class Month(click.ParamType[datetime]):
    """A calendar month such as 2024-01."""

    name = "month"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parses the text to the first moment of the month, in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{value!r} is not a month such as 2024-01", param, ctx)


@click.command()
@click.option(
    "--from", "first", type=Month(), help="First month; default: that of COLLECTION_START_DATE."
)
@click.option("--to", "last", type=Month(), help="Last month; default: before the first snapshot.")
@click.option("--plan", "plan_only", is_flag=True, help="Show the requests, and do nothing.")
@output_options
def backfill(first: datetime | None, last: datetime | None, plan_only: bool, out: Output) -> None:
    """Make snapshots of past months, each ranked by the volume of the month before."""
    if plan_only:
        plan = asyncio.run(_plan(first, last))
        out.result(_plan_to_json(plan), describe_past_plan(plan))
        return
    report = asyncio.run(_backfill(first, last))
    for symbol in report.unknown:
        out.remark(f"the exchange no longer knows {symbol}: its published files were used")
    for month in report.empty:
        out.remark(f"{month:%Y-%m} has no members: no pair traded in the month before")
    out.result(_to_json(report), describe_past(report))


def describe_past_plan(plan: PastPlan) -> str:
    """One line on what making snapshots of past months requires."""
    if not plan.months:
        return _NOTHING
    return (
        f"{_range(plan.months)} by the volume of {len(plan.candidates)} pairs;"
        f" the volumes of {len(plan.unasked)} are to be fetched, weight {plan.weight}"
    )


def describe_past(report: PastReport) -> str:
    """One line on the snapshots that were made."""
    if not report.snapshots:
        return _NOTHING
    months = [snapshot.as_of for snapshot in report.snapshots]
    return f"{_range(months)} by volume; {len(report.joined)} pairs that were never members joined"


def _range(months: Sequence[datetime]) -> str:
    count = f"{len(months)} month{'s' if len(months) > 1 else ''}"
    return f"{count} from {months[0]:%Y-%m} to {months[-1]:%Y-%m}"


async def _plan(first: datetime | None, last: datetime | None) -> PastPlan:
    async with open_exchange(load_settings()) as (warehouse, source):
        return await plan_past(warehouse, source, first, last)


async def _backfill(first: datetime | None, last: datetime | None) -> PastReport:
    async with open_exchange(load_settings()) as (warehouse, source):
        return await backfill_universe(warehouse, source, first, last)


def _plan_to_json(plan: PastPlan) -> dict[str, object]:
    return {
        "months": [f"{month:%Y-%m}" for month in plan.months],
        "pairs": len(plan.candidates),
        "to_ask": sorted(plan.unasked),
        "weight": plan.weight,
    }


def _to_json(report: PastReport) -> dict[str, object]:
    return {
        "months": [f"{snapshot.as_of:%Y-%m}" for snapshot in report.snapshots],
        "empty": [f"{month:%Y-%m}" for month in report.empty],
        "joined": list(report.joined),
        "unknown": list(report.unknown),
    }
