"""The task that takes a snapshot of the universe."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context, task

from candlehouse.settings import Settings
from candlehouse_airflow.assets import UNIVERSE
from candlehouse_airflow.failures import told_clearly
from candlehouse_airflow.forms import read_form, read_symbols
from candlehouse_airflow.resources import load_task_settings, open_warehouse

if TYPE_CHECKING:
    from candlehouse.pipelines.refresh import RefreshReport

_log = logging.getLogger(__name__)


@task(outlets=[UNIVERSE])
def refresh() -> None:
    """Ranks the exchange's pairs and stores who is in the universe from now on."""
    context = get_current_context()
    with told_clearly():
        named = read_symbols(read_form(context))
        settings = load_task_settings()
        settings = replace(settings, symbols=named or settings.symbols)
        report = asyncio.run(_refresh(settings))
    members = report.snapshot.members
    _log.info("%s pairs by %s", len(members), report.snapshot.source)
    _log.info("joined: %s; left: %s", report.joined or "none", report.left or "none")


async def _refresh(settings: Settings) -> RefreshReport:
    from candlehouse.pipelines.exchange_choice import open_source
    from candlehouse.pipelines.refresh import refresh_universe

    with open_warehouse(settings) as engine:
        async with open_source(settings, engine) as source:
            return await refresh_universe(settings, engine, source)
