"""Logs what a session did, one line per minute."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict

from candlehouse.core.live.lag_histogram import LagHistogram
from candlehouse.pipelines.live.writing.buffer import Counters
from candlehouse.pipelines.live.writing.writer_role import Writing

_log = logging.getLogger(__name__)

_SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class Summary:
    """Adds up what the parts count.

    Args:
        counters: of the session's messages.
        writing: that measures the lag.
    """

    def __init__(self, counters: Counters, writing: Writing) -> None:
        # From the exchange's clock in a message to the commit that covers it, in all.
        self.lag = LagHistogram()
        self._recent = LagHistogram()
        self._counters = counters
        self._writing = writing
        self._told: dict[str, int] = asdict(counters)

    def collect(self) -> None:
        """Adds the measurements since the last call to the totals."""
        measured = self._writing.lag.take()
        self.lag.merge(measured)
        self._recent.merge(measured)

    async def run(self, pause_s: float) -> None:
        """Logs one line every `pause_s` seconds, until cancelled."""
        while True:
            await asyncio.sleep(pause_s)
            self.collect()
            now = asdict(self._counters)
            differences = {name: count - self._told[name] for name, count in now.items()}
            _log.info("%s: %s", self._writing.role.value, describe(differences, self._recent))
            self._told, self._recent = now, LagHistogram()

    def describe_all(self) -> str:
        """One line on what the session did since it began."""
        self.collect()
        return describe(asdict(self._counters), self.lag)


def describe(counts: dict[str, int], lag: LagHistogram) -> str:
    """One line with the counts that are not 0, and the percentiles of the lag in ms."""
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    if lag.total:
        percentiles = (f"{name} {lag.percentile(share)}" for name, share in _SHARES.items())
        parts.append(f"lag {', '.join(percentiles)} ms")
    return ", ".join(parts) or "nothing received"
