"""Starts validation when there is something to validate.

If validation followed the assets of candles, each event would start a run: every few minutes,
and for each month of a load, nearly always without anything to do. Instead, the triggerer polls
the database, which knows what was stored by whichever process, and sends an event only when a
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

_POLL_S = 5.0


def find_reason() -> str | None:
    """A sentence on why validation is due now; None when it is not, or cannot be determined."""
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
        poll_s: seconds between two checks.
        rest_s: seconds without a check after an event, so that its run can begin.
    """

    def __init__(
        self, poll_s: float = _POLL_S, rest_s: float = MIN_RUN_INTERVAL.total_seconds()
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is
        self.poll_s = poll_s
        self.rest_s = rest_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments with which the triggerer creates this trigger again."""
        values = {"poll_s": self.poll_s, "rest_s": self.rest_s}
        return f"{__name__}.{type(self).__name__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sends an event each time a run is due; never ends."""
        while True:
            reason = await asyncio.to_thread(find_reason)
            if reason is None:
                await asyncio.sleep(self.poll_s)
                continue
            _log.info("validation is due: %s", reason)
            yield TriggerEvent(reason)  # type: ignore[no-untyped-call]  # as it is
            await asyncio.sleep(self.rest_s)


# Stands for candles that were stored or changed and are not validated since.
UNVALIDATED = Asset(
    "unvalidated_candles",
    watchers=[AssetWatcher(name="validation_is_due", trigger=ValidationDueTrigger())],
)
