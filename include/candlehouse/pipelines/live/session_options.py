"""Options of a live session, and the reasons for which it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.live.kinds.registry import DEFAULT_KINDS


class Ending(Enum):
    """Why a session ended."""

    STOPPED = "stopped"
    SWITCHED_OFF = "switched off"
    HANDED_OVER = "handed over"
    REDEPLOYED = "redeployed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How to run a session. Times are in seconds.

    Attributes:
        symbols: empty for the members of the universe, followed as they change.
        timeframes: to stream.
        kinds: of data to stream, by the names of `kinds.registry`.
        run: time after which the session hands over; None to run until stopped.
        version: of the code on disk; another one than at the start ends the session.
        poll_after_s: without a message after which REST takes the stream's place.
        patience_s: for which a session that should end waits for one to go on.
        record_s: between two entries in the database.
        universe_s: between two checks of the universe and of the code's version.
        summary_s: between two lines in the log.
    """

    timeframes: tuple[Timeframe, ...]
    symbols: tuple[str, ...] = ()
    kinds: tuple[str, ...] = DEFAULT_KINDS
    run: timedelta | None = None
    version: Callable[[], object] = lambda: None
    poll_after_s: float = 60.0
    patience_s: float = 60.0
    record_s: float = 1.0
    universe_s: float = 5.0
    summary_s: float = 60.0
