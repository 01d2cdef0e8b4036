"""Waits until streaming can begin, without a process of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, NoReturn

from airflow.sdk import BaseSensorOperator, Context
from airflow.triggers.base import BaseTrigger, TriggerEvent

from candlehouse.core.errors import CandlehouseError
from candlehouse.settings import load_settings
from candlehouse_airflow.runtime.resources import open_warehouse

_log = logging.getLogger(__name__)

_READY = "ready"


def find_obstacle() -> str | None:
    """Why streaming cannot begin now, None when it can; waits for database and exchange."""
    from candlehouse.pipelines.live.readiness import check_readiness

    try:
        settings = load_settings()
        with open_warehouse(settings) as warehouse:
            return check_readiness(warehouse)
    except CandlehouseError as error:
        return str(error)


class ReadinessTrigger(BaseTrigger):
    """Fires when database, universe and exchange are there and streaming is switched on.

    Args:
        poll_s: seconds between two looks.
    """

    def __init__(self, poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes it anew."""
        return f"{__name__}.{type(self).__name__}", {"poll_s": self.poll_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when nothing stands in the way any more."""
        told = None
        while obstacle := await asyncio.to_thread(find_obstacle):
            if obstacle != told:
                _log.info("waiting: %s", obstacle)
                told = obstacle
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent(_READY)  # type: ignore[no-untyped-call]  # as it is


class ReadinessSensor(BaseSensorOperator):
    """Passes when streaming can begin; a wait costs no slot of a pool."""

    def execute(self, context: Context) -> None:
        """Looks once, and leaves further looking to the triggerer."""
        obstacle = find_obstacle()
        if obstacle is None:
            return
        _log.info("waiting: %s", obstacle)
        self._wait()

    def resume(self, context: Context, event: str) -> None:
        """Called when the trigger has fired."""
        _log.info(event)

    def _wait(self) -> NoReturn:
        self.defer(trigger=ReadinessTrigger(self.poke_interval), method_name=self.resume.__name__)
        raise AssertionError("defer never returns")
