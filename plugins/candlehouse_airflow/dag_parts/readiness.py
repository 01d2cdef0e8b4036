"""Waits until streaming can begin, in the triggerer and so without a process per wait."""

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
    """A sentence on why streaming cannot begin now; None when it can.

    Blocks while database and exchange are asked.
    """
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
        poll_s: seconds between two checks.
    """

    def __init__(self, poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments with which the triggerer creates this trigger again."""
        return f"{__name__}.{type(self).__name__}", {"poll_s": self.poll_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sends one event, as soon as streaming can begin; logs each obstacle once."""
        logged = None
        while obstacle := await asyncio.to_thread(find_obstacle):
            if obstacle != logged:
                _log.info("streaming waits: %s", obstacle)
                logged = obstacle
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent(_READY)  # type: ignore[no-untyped-call]  # as it is


class ReadinessSensor(BaseSensorOperator):
    """Succeeds when streaming can begin; waiting takes no slot of a pool."""

    def execute(self, context: Context) -> None:
        """Checks once, and defers further checks to the triggerer."""
        obstacle = find_obstacle()
        if obstacle is None:
            return
        _log.info("streaming waits: %s", obstacle)
        self._wait()

    def resume(self, context: Context, event: str) -> None:
        """Called when the trigger has fired."""
        _log.info("streaming can begin: %s", event)

    def _wait(self) -> NoReturn:
        self.defer(trigger=ReadinessTrigger(self.poke_interval), method_name=self.resume.__name__)
        raise AssertionError("defer never returns")
