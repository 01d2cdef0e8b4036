"""The exchange's request weight, shared by every process of the warehouse."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from candlehouse.core.errors import CandlehouseError, ConfigurationError, RateLimited
from candlehouse.core.planning.rest_facts import RestFacts
from candlehouse.storage.limits.ledger import Grant, Ledger, Settlement, Window

_log = logging.getLogger(__name__)

_PIECES_A_ROUND = 200
# Seconds. Settlements wait this long for the next reservation, and a full ledger is queried no
# more often than this, because each query grants several pieces; both cost 0.2% of a window
# of 60 s.
_SETTLE_WITHIN_S = 0.1
_SHORTEST_PAUSE_S = 0.1


@dataclass(eq=False, slots=True)
class _Request:
    """A caller of `reserve`, and the pieces of weight that were granted so far."""

    weight: int
    piece: int
    future: asyncio.Future[int]
    first_at: float = 0.0
    pieces: list[Settlement] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """Weights of the pieces that are still missing."""
        missing = max(self.weight - sum(piece.weight for piece in self.pieces), 0)
        return [self.piece] * (missing // self.piece) + [1] * (missing % self.piece)


class PostgresWeightBudget:
    """A WeightBudget stored in `market.weight_reservations`; for one event loop.

    In any window of 60 seconds, measured at the exchange, all processes of the warehouse
    together use at most `share` of the exchange's limit. Callers are served first come, first
    served; callers that wait at the same time share one round trip.

    Args:
        engine: of the warehouse.
        rest: facts of the exchange's REST API. Weight is reserved in pieces no heavier than a
            page of candles, the most frequent request: a request of weight 80 collects its pieces
            one by one, because it would starve if it had to wait for 80 at once.
        share: the usable fraction of the limit, in (0, 1].
        max_wait_s: longest wait for the weight of one request, or for the gate.
        window: of the limit.
        retry_delays_s: between attempts to reach the database.
    """

    def __init__(
        self,
        engine: Engine,
        rest: RestFacts,
        share: float = 0.95,
        *,
        max_wait_s: float = 900.0,
        window: Window | None = None,
        retry_delays_s: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 4.0),
    ) -> None:
        self._window = window or Window()
        self._piece = rest.page_weight
        self._ledger = Ledger(engine, rest.assumed_limit, share, self._window, retry_delays_s)
        self._max_wait_s = max_wait_s
        self._waiting: deque[_Request] = deque()
        self._held: dict[int, list[Settlement]] = {}
        self._settlements: list[Settlement] = []
        self._settle_at = 0.0
        self._blocked_until = 0.0
        self._closed_until = 0.0
        self._wake = asyncio.Event()
        self._server: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._server = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.cancel()
            await asyncio.gather(self._server, return_exceptions=True)
        try:
            await self._flush()
        except CandlehouseError as failure:
            # Unsettled reservations only count for longer.
            _log.warning("the last requests were not settled: %s", failure)
        await self._ledger.close()

    async def reserve(self, weight: int) -> int:
        """Waits until `weight` may be spent, and reserves it.

        Returns:
            A ticket for `settle`.

        Raises:
            RateLimited: when that takes longer than `max_wait_s`.
            ConfigurationError: when the usable share is less than this one request.
            DatabaseUnavailable: when the ledger stays out of reach.
        """
        if weight < 1:
            raise ValueError(f"a request weighs at least 1, not {weight}")
        self._require_open_gate()
        loop = asyncio.get_running_loop()
        request = _Request(weight, self._piece, loop.create_future())
        self._waiting.append(request)
        self._wake.set()
        try:
            async with asyncio.timeout(self._max_wait_s):
                return await request.future
        except TimeoutError:
            self._give_back(request)
            raise RateLimited(
                f"no weight of {weight} was free for {self._max_wait_s:.0f} s",
                self._window.window_s,
            ) from None
        except BaseException:
            self._give_back(request)
            raise

    async def settle(self, ticket: int, used_weight: int | None) -> None:
        """Reports that the request of `ticket` has been answered; does not wait for the ledger.

        Args:
            ticket: as returned by `reserve`; settle each ticket only once.
            used_weight: weight used in the last minute as reported by the exchange, None without.
        """
        first, *others = self._held.pop(ticket)
        self._settle_later([Settlement(first.ticket, first.weight, used_weight), *others])

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        """Stops every process until `retry_after_s` seconds from now (429 and 418).

        Raises:
            DatabaseUnavailable: when the ledger stays out of reach.
        """
        self._note_closed_gate(retry_after_s)
        await self._ledger.close_gate(retry_after_s, reason)

    async def _serve(self) -> None:
        while True:
            await self._wait_for_work()
            try:
                await self._serve_round()
            except Exception as error:  # raised to every waiting caller; later calls may succeed
                _log.warning("no weight could be reserved or settled: %s", error)
                self._settle_at = self._now() + 1.0
                self._fail_all(error)

    async def _wait_for_work(self) -> None:
        while (wait_s := self._next_due() - self._now()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(None if wait_s == float("inf") else wait_s):
                    await self._wake.wait()
            except TimeoutError:
                return

    def _next_due(self) -> float:
        due = float("inf")
        if self._waiting:
            due = self._blocked_until
        if self._settlements:
            due = min(due, self._settle_at)
        return due

    async def _serve_round(self) -> None:
        asked: list[int] = []
        # Nothing can be granted earlier, because the first request in the queue does not fit.
        if self._now() >= self._blocked_until:
            for request in self._waiting:
                asked += request.missing
                if len(asked) >= _PIECES_A_ROUND:
                    break
        grant = await self._exchange(asked)
        self._fail_impossible(grant)
        self._hand_out(asked, grant)
        if grant.closed_s > 0:
            self._note_closed_gate(grant.closed_s)
        elif len(grant.tickets) < len(asked):
            wait_s = self._window.window_s if grant.wait_s is None else grant.wait_s
            self._blocked_until = self._now() + max(wait_s, _SHORTEST_PAUSE_S)

    async def _exchange(self, asked: Sequence[int]) -> Grant:
        settlements, self._settlements = self._settlements, []
        try:
            return await self._ledger.settle_and_reserve(settlements, asked)
        except BaseException:
            self._settlements = settlements + self._settlements
            raise

    async def _flush(self) -> None:
        self._settlements += [piece for pieces in self._held.values() for piece in pieces]
        if self._settlements:
            await self._exchange([])

    def _hand_out(self, asked: Sequence[int], grant: Grant) -> None:
        pieces = [
            Settlement(ticket, weight, None)
            for ticket, weight in zip(grant.tickets, asked, strict=False)
        ]
        while pieces and self._waiting:
            request = self._waiting[0]
            count = len(request.missing)
            if not request.pieces:
                request.first_at = self._now()
            request.pieces += pieces[:count]
            pieces = pieces[count:]
            if request.missing:
                break
            if self._now() - request.first_at > self._window.in_flight_s / 2:
                # The first pieces would expire while the request is in flight.
                self._settle_later(request.pieces)
                request.pieces = []
                continue
            self._waiting.popleft()
            # The future is done when its caller was cancelled, and `_give_back` returns the pieces.
            if not request.future.done():
                self._held[request.pieces[0].ticket] = request.pieces
                request.future.set_result(request.pieces[0].ticket)
        # Pieces are left over when a caller gave up during the round trip.
        self._settle_later(pieces)

    def _give_back(self, request: _Request) -> None:
        # The caller was cancelled while waiting or right after the grant, and will not settle.
        if request in self._waiting:
            self._waiting.remove(request)
        elif request.pieces:
            self._held.pop(request.pieces[0].ticket, None)
        self._settle_later(request.pieces)
        request.pieces = []

    def _settle_later(self, pieces: Sequence[Settlement]) -> None:
        if pieces and not self._settlements:
            self._settle_at = self._now() + _SETTLE_WITHIN_S
            self._wake.set()
        self._settlements += pieces

    def _fail_impossible(self, grant: Grant) -> None:
        for request in [request for request in self._waiting if request.weight > grant.cap]:
            self._waiting.remove(request)
            self._fail(
                request,
                ConfigurationError(
                    f"REQUEST_WEIGHT_SHARE allows a weight of {grant.cap} per minute, "
                    f"but one request weighs {request.weight}"
                ),
            )

    def _fail_all(self, error: Exception) -> None:
        while self._waiting:
            self._fail(self._waiting.popleft(), error)

    def _fail(self, request: _Request, error: Exception) -> None:
        # `reserve` returns the pieces when it receives the error.
        if not request.future.done():
            request.future.set_exception(error)

    def _note_closed_gate(self, closed_s: float) -> None:
        self._closed_until = max(self._closed_until, self._now() + closed_s)
        self._blocked_until = max(self._blocked_until, self._closed_until)
        if closed_s > self._max_wait_s:
            self._fail_all(_closed(closed_s))

    def _require_open_gate(self) -> None:
        closed_s = self._closed_until - self._now()
        if closed_s > self._max_wait_s:
            raise _closed(closed_s)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _closed(closed_s: float) -> RateLimited:
    return RateLimited(f"the exchange accepts no requests for {closed_s:.0f} s", closed_s)
