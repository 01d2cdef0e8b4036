"""Decides when a session ends: at once for a reason, or when its handover is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from candlehouse.pipelines.live.session_options import Ending
from candlehouse.pipelines.live.writing.writer_role import Role, Writing

# Seconds between two checks for a reason to end.
_POLL_S = 0.1


class Handover:
    """Decides when a session ends.

    Args:
        run: how long the session runs; None to run until it is stopped.
        patience_s: seconds for which a due session waits for a standby to take over.
        writing: the session's writer, which knows whether there is a standby.
    """

    def __init__(self, run: timedelta | None, patience_s: float, writing: Writing) -> None:
        # Whether a newer version of the code is on disk.
        self.is_outdated = False
        self._run = run
        self._patience_s = patience_s
        self._writing = writing
        self._began = time.monotonic()
        self._due_since: float | None = None

    async def wait(self, find_reason: Callable[[], Ending | None]) -> Ending:
        """Waits until the session must end.

        Args:
            find_reason: returns a reason to end at once, or None; called ten times per second.

        Returns:
            Why the session ends.
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
        """Whether a standby is ready, or the patience is over."""
        if self._due_since is None:
            self._due_since = time.monotonic()
        return (
            self._writing.role is not Role.WRITER
            or time.monotonic() - self._due_since >= self._patience_s
            or await self._writing.has_standby()
        )
