"""Counts what arrives at user code, and the CPU time that it took; standard library only.

The process is told over standard input: `begin` before the feed is, `end` after it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time

# Nothing more is expected when nothing has come for this long, or the longest has passed.
_QUIET_S = 0.5
_LONGEST_S = 3.0
_POLL_S = 0.05
_WATCH_S = 0.25


class Meter:
    """User code adds to `received`; the meter looks at it from a thread of its own."""

    def __init__(self) -> None:
        self.received = 0
        self._begun = (0, 0.0)
        self._changed_at = time.monotonic()

    def start(self) -> None:
        """Begins to listen, and ends the process when its parent has gone."""
        for work in (self._listen, self._watch):
            threading.Thread(target=work, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            if json.loads(line)["do"] == "begin":
                self._begun = self.received, cpu_s()
                say("begun")
            else:
                say("counted", **self._settle())
        # At once: some of those measured do not end when asked to.
        os._exit(0)

    def _watch(self) -> None:
        """Notes when something came last: who has stopped reading says nothing of it."""
        known = -1
        while True:
            if self.received != known:
                known, self._changed_at = self.received, time.monotonic()
            time.sleep(_WATCH_S)

    def _settle(self) -> dict[str, object]:
        """What was received and used up to the last message."""
        received, used_s = self.received, cpu_s()
        began = changed = time.monotonic()
        quiet_s = began - self._changed_at
        while (now := time.monotonic()) - changed < _QUIET_S and now - began < _LONGEST_S:
            time.sleep(_POLL_S)
            if self.received != received:
                received, used_s, changed = self.received, cpu_s(), now
        return {
            "received": received - self._begun[0],
            "cpu_s": used_s - self._begun[1],
            "quiet_s": quiet_s,
            "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def cpu_s() -> float:
    """CPU seconds of this process so far, the kernel's for it included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(event: str, **values: object) -> None:
    """A line to whoever started this process."""
    print(json.dumps({"event": event, **values}), flush=True)
