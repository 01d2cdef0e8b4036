"""Watches the record of what is validated, and tells when there is something to do.

A DAG that follows the assets of candles gets a run per event, every few minutes and for each
month of a load, nearly all of them for nothing. So the triggerer asks the database instead,
which knows of everything that is stored, whoever stored it, and sends an event only when a
run is due.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.validating.validation_due import MIN_RUN_INTERVAL, find_reason_to_validate
from candlehouse.settings import load_settings
from candlehouse_airflow.runtime.resources import open_warehouse

_log = logging.getLogger(__name__)

_POLL_S = 15.0


def find_reason() -> str | None:
    """Why a run of validation is due now, None when it is not or nobody can tell."""
    from candlehouse.storage.truth.validation_runs import select_state

    try:
        with open_warehouse(load_settings()) as warehouse, warehouse.read() as connection:
            return find_reason_to_validate(select_state(connection))
    except CandlehouseError as error:
        _log.debug("whether validation is due is not known: %s", error)
        return None


class ValidationDueTrigger(BaseEventTrigger):
    """Fires whenever a run of validation is due, and goes on.

    Args:
        poll_s: seconds between two looks.
        rest_s: seconds after an event, in which its run begins.
    """

    def __init__(
        self, poll_s: float = _POLL_S, rest_s: float = MIN_RUN_INTERVAL.total_seconds()
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is
        self.poll_s = poll_s
        self.rest_s = rest_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes it anew."""
        values = {"poll_s": self.poll_s, "rest_s": self.rest_s}
        return f"{__name__}.{type(self).__name__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event each time that a run is due, without an end."""
        while True:
            reason = await asyncio.to_thread(find_reason)
            if reason is None:
                await asyncio.sleep(self.poll_s)
                continue
            _log.info("validation is due: %s", reason)
            yield TriggerEvent(reason)  # type: ignore[no-untyped-call]  # as it is
            await asyncio.sleep(self.rest_s)


# What is stored and was not validated since it was last changed.
UNVALIDATED = Asset(
    "unvalidated_candles",
    watchers=[AssetWatcher(name="validation_is_due", trigger=ValidationDueTrigger())],
)
