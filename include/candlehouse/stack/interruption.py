"""Ctrl-C and SIGTERM: end at the next safe point, tidy up, leave nothing running."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody wants the run to end. Not an Exception: nothing on the way may swallow it."""


class Interruption:
    """Turns signals into a request to stop.

    A signal raises at once only inside `raising`; elsewhere it is noticed by `wait`
    and `check`, so that it cannot come between the start of a process and the note of it.
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
        """For steps that may take long and can be broken off anywhere."""
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
        # A second one means: no more patience with those that end slowly.
        self.hurried = self._requested.is_set()
        self._requested.set()
        if self._raising:
            self._raising = False
            raise StopRequested
