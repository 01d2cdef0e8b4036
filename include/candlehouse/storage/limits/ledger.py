"""The weight ledger in the database: one round trip settles and reserves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine

from candlehouse.core.errors import PassingStorageFailure
from candlehouse.retrying import RetryPolicy
from candlehouse.storage.database.connection_thread import ConnectionThread
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.limits.gate import close_gate

_T = TypeVar("_T")

# Key of an advisory lock; unique within the warehouse.
_LOCK_KEY = 7_265_002
# Seconds for which expired rows are kept, to be compared with the exchange's own count.
_SLACK_S = 5.0


@dataclass(frozen=True, slots=True)
class Settlement:
    """A reservation whose request was answered, with the exchange's own count at that time."""

    ticket: int
    weight: int
    used_weight: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to a reservation.

    Attributes:
        tickets: of the first weights that fit, in the order requested.
        cap: the highest weight that may be reserved at once.
        closed_s: seconds until the gate opens, 0 when it is open.
        wait_s: seconds after which the first refused weight may fit, None when none was
            refused or it can never fit.
    """

    tickets: Sequence[int]
    cap: int
    closed_s: float
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """Durations used by the ledger, in seconds.

    Attributes:
        window_s: the exchange's window; its limit holds for any period of this length.
        in_flight_s: longer than any request can take.
    """

    window_s: float = 60.0
    in_flight_s: float = 120.0


class Ledger:
    """Runs the ledger's statements in its own thread and on its own connection."""

    def __init__(
        self,
        engine: Engine,
        assumed_limit: int,
        share: float,
        window: Window,
        retry_delays_s: Sequence[float],
    ) -> None:
        self._queries = load_queries(__file__)
        self._parameters = {
            "lock_key": _LOCK_KEY,
            "share": share,
            "fallback_limit": assumed_limit,
            "slack_s": _SLACK_S,
            "window_s": window.window_s,
            "in_flight_s": window.in_flight_s,
        }
        self._policy = RetryPolicy(
            "a statement of the weight ledger",
            len(retry_delays_s) + 1,
            PassingStorageFailure,
            delay_s=lambda attempt, _: retry_delays_s[attempt - 1],
        )
        self._thread = ConnectionThread(engine, "weight-ledger")

    async def settle_and_reserve(
        self, settled: Sequence[Settlement], asked: Sequence[int]
    ) -> Grant:
        """Settles all of `settled` and reserves as many of the first weights `asked` as fit.

        Raises:
            PassingStorageFailure: when the database stays out of reach.
        """
        return await self._run(lambda connection: self._exchange(connection, settled, asked))

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Closes the gate for every process; a gate that is closed for longer is not changed.

        Raises:
            PassingStorageFailure: when the database stays out of reach.
        """
        await self._run(partial(close_gate, wait_s=retry_after_s, reason=reason))

    async def close(self) -> None:
        """Returns the connection and ends the thread."""
        await self._thread.close()

    def _exchange(
        self, connection: Connection, settled: Sequence[Settlement], asked: Sequence[int]
    ) -> Grant:
        row = connection.execute(
            self._queries("settle_and_reserve"),
            {
                **self._parameters,
                "tickets": [one.ticket for one in settled],
                "weights": [one.weight for one in settled],
                "used": [one.used_weight for one in settled],
                "asked": list(asked),
            },
        ).one()
        return Grant(row.tickets, row.cap, row.closed_s or 0.0, row.wait_s)

    async def _run(self, work: Callable[[Connection], _T]) -> _T:
        return await self._policy.call_async(partial(self._thread.run, work))
