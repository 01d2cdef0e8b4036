"""The tasks that take snapshots of the universe, for now and for past months."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context, task

from candlehouse.settings import Settings
from candlehouse_airflow.dag_parts.assets import UNIVERSE
from candlehouse_airflow.dag_parts.forms import read_form, read_months, read_symbols
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.resources import load_task_settings, open_exchange

if TYPE_CHECKING:
    from candlehouse.pipelines.universe.past_universe import PastReport
    from candlehouse.pipelines.universe.refresh import RefreshReport

_log = logging.getLogger(__name__)


@task(outlets=[UNIVERSE])
def refresh() -> None:
    """Ranks the exchange's pairs, and stores a snapshot of the universe that is valid from now."""
    from candlehouse.pipelines.collecting.run_summary import describe_refresh

    context = get_current_context()
    with airflow_failures():
        named = read_symbols(read_form(context))
        settings = load_task_settings()
        settings = replace(settings, symbols=named or settings.symbols)
        report = asyncio.run(_refresh(settings))
    _log.info("%s", describe_refresh(report))


@task(outlets=[UNIVERSE])
def backfill() -> None:
    """Stores snapshots of the universe for past months, ranked by the volumes of that time."""
    with airflow_failures():
        months = read_months(read_form(get_current_context(), ranged=True))
        report = asyncio.run(_backfill(load_task_settings(), *months))
    for month in report.empty:
        _log.info("%s has no members: no pair traded in the month before", f"{month:%Y-%m}")
    for snapshot in report.snapshots:
        _log.info("%s has %s members", f"{snapshot.as_of:%Y-%m}", len(snapshot.members))
    _log.info(
        "snapshots of %s months were stored; pairs that were never members before: %s",
        len(report.snapshots), ", ".join(report.joined) or "none",
    )  # fmt: skip


async def _backfill(
    settings: Settings, first: datetime | None, last: datetime | None
) -> PastReport:
    from candlehouse.pipelines.universe.past_universe import backfill_universe

    async with open_exchange(settings) as (warehouse, source):
        return await backfill_universe(warehouse, source, first, last)


async def _refresh(settings: Settings) -> RefreshReport:
    from candlehouse.pipelines.universe.refresh import refresh_universe

    async with open_exchange(settings) as (warehouse, source):
        return await refresh_universe(warehouse, source)
