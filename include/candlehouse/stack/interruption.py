"""Handles Ctrl-C and SIGTERM: the run ends at the next safe point and leaves nothing running."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """The run was asked to end. Not an Exception, so that no handler swallows it."""


class Interruption:
    """Turns signals into a request to stop.

    A signal raises at once only inside `raising`; elsewhere, `wait` and `check` notice it. So it
    cannot interrupt between the start of a process and its record.

    Attributes:
        hurried: whether a second signal has come: slow processes are then killed.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._raising = False
        self.hurried = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handles the signals while inside. Main thread only."""
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Lets signals raise at once inside: for long steps that can be aborted anywhere."""
        self.check()
        self._raising = True
        try:
            yield
        finally:
            self._raising = False

    def check(self) -> None:
        """Raises StopRequested if a signal has come."""
        if self._requested.is_set():
            raise StopRequested

    def wait(self, seconds: float) -> None:
        """Sleeps, but not past a signal: then it raises StopRequested."""
        self._requested.wait(seconds)
        self.check()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # A second signal means that slow processes are to be killed.
        self.hurried = self._requested.is_set()
        self._requested.set()
        if self._raising:
            self._raising = False
            raise StopRequested
