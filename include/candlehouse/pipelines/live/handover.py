"""When a session ends: at once for a reason, or when it is due and somebody would go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from candlehouse.pipelines.live.session_options import Ending
from candlehouse.pipelines.live.writing.writer_role import Role, Writing

# Seconds between two looks whether to stop.
_POLL_S = 0.1


class Handover:
    """Decides when a session ends.

    Args:
        run: how long it runs; None until told to stop.
        patience_s: seconds for which a session that is due waits for a standby to go on.
        writing: knows whether there is a standby.
    """

    def __init__(self, run: timedelta | None, patience_s: float, writing: Writing) -> None:
        # Whether another version of the code lies on disk.
        self.is_outdated = False
        self._run = run
        self._patience_s = patience_s
        self._writing = writing
        self._began = time.monotonic()
        self._due_since: float | None = None

    async def wait(self, find_reason: Callable[[], Ending | None]) -> Ending:
        """Waits until it is time; says why.

        Args:
            find_reason: gives a reason to end at once; asked a few times a second.
        """
        while True:
            await asyncio.sleep(_POLL_S)
            reason = find_reason()
            if reason is not None:
                return reason
            due = self._find_due()
            if due is not None and await self._may_end():
                return due

    def _find_due(self) -> Ending | None:
        if self._run is not None and time.monotonic() - self._began >= self._run.total_seconds():
            return Ending.HANDED_OVER
        return Ending.REDEPLOYED if self.is_outdated else None

    async def _may_end(self) -> bool:
        """Whether a standby would go on at once, or was waited for long enough."""
        if self._due_since is None:
            self._due_since = time.monotonic()
        return (
            self._writing.role is not Role.WRITER
            or time.monotonic() - self._due_since >= self._patience_s
            or await self._writing.has_standby()
        )
