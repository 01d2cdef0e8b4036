"""A live session, which a stream task or `candlehouse stream` runs.

Any number of sessions may run: one writes, the others stand by with open connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.live.candle_updates import CANDLES
from candlehouse.core.live.channels import Channel, select_kind, select_series
from candlehouse.core.model import Series
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.live.consumers.delivery import Deliveries
from candlehouse.pipelines.live.consumers.registry import make_consumers
from candlehouse.pipelines.live.finding import find_exchange
from candlehouse.pipelines.live.flow import Flow
from candlehouse.pipelines.live.handover import Handover
from candlehouse.pipelines.live.healing.rest_side import RestSide
from candlehouse.pipelines.live.kinds.kind_set import KindSet
from candlehouse.pipelines.live.kinds.registry import make_kinds
from candlehouse.pipelines.live.session_options import Ending, LiveOptions
from candlehouse.pipelines.live.session_record import SessionRecord
from candlehouse.pipelines.live.summary import Summary
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.batches import Part
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.safekeeping import Safekeeping
from candlehouse.pipelines.live.writing.writer_role import Role, Writing
from candlehouse.pipelines.universe.symbols import find_unrecorded, require_symbols
from candlehouse.pipelines.venue.wiring import make_streams, open_source
from candlehouse.storage.limits.attempts import PostgresConnectionBudget
from candlehouse.storage.limits.exchange_state import ExchangeEndpoints
from candlehouse.storage.live.stream_sessions import Counters, Mode, SessionState
from candlehouse.storage.live.stream_sessions import Role as RecordedRole
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Seconds for which an ending session waits for its consumers. Another session writes by then.
_CONSUMERS_S = 2.0


async def run_live(warehouse: Warehouse, options: LiveOptions, stop: Callable[[], bool]) -> Ending:
    """Streams, writes and heals until stopped, switched off, or due for a handover.

    Args:
        warehouse: to read from and to write to.
        options: what and for how long.
        stop: called ten times per second; when it returns True, the session ends gracefully.

    Returns:
        Why it ended.

    Raises:
        UniverseEmpty: when there is nothing to stream.
        DatabaseUnavailable: when there is no database to begin with.
        ExchangeUnavailable: when the exchange was never reached and is not now.
        WrongExchange: when another one answers.
        ConfigurationError: when the stream URL is none, or a symbol is named that does not
            exist.
    """
    endpoints = await warehouse.in_thread(find_exchange)
    await _require_named(warehouse, options.symbols)
    session = _Session(warehouse, options, endpoints)
    return await session.run(stop)


async def _require_named(warehouse: Warehouse, symbols: Sequence[str]) -> None:
    """Without a named symbol, or with known ones, the exchange need not answer yet."""
    if await warehouse.in_thread(find_unrecorded, symbols):
        async with open_source(warehouse) as source:
            await require_symbols(warehouse, source, symbols)


class _Session:
    """One session: connects its parts and runs them."""

    def __init__(
        self,
        warehouse: Warehouse,
        options: LiveOptions,
        endpoints: ExchangeEndpoints,
    ) -> None:
        self._options = options
        self._series: Sequence[Series] = ()
        self._channels: frozenset[Channel] = frozenset()
        self._flow = Flow(options.poll_after_s)
        self._ending = False
        self._version = options.version()
        self._kinds = kinds = KindSet(make_kinds(options.kinds, warehouse))
        self._batcher = Batcher(kinds.buffers, self._begin_to_flow, self._flow.end)
        self._deliveries = Deliveries(make_consumers(warehouse.settings))
        self._writing = Writing(
            self._batcher,
            LiveWriter(warehouse.engine, kinds.writers),
            Safekeeping(warehouse.settings.home / "spool", kinds.spool_formats),
            warehouse.settings.stream_flush_s,
            self._change_role,
            self._note_written,
        )
        work = kinds.list_rest_work(self._batcher, self._find_polled)
        self._rest = RestSide(warehouse, work, self._set_offset)
        self._handover = Handover(options.run, options.patience_s, self._writing)
        self._budget = PostgresConnectionBudget(
            warehouse.engine, VENUE.streams.attempts, VENUE.streams.window_s
        )
        self._client = make_streams(warehouse.settings, endpoints, self._budget, self._batcher)
        self._flow.watch(self._client)
        self._record = SessionRecord(warehouse, options.timeframes, options.symbols)
        self._summary = Summary(self._batcher.counters, self._writing)

    async def run(self, stop: Callable[[], bool]) -> Ending:
        self._follow(await asyncio.to_thread(self._record.select_series))
        writing = asyncio.create_task(self._writing.run())
        others = [
            asyncio.create_task(part)
            for part in (
                self._client.run(),
                self._rest.run(),
                self._keep_record(),
                self._watch_universe(),
                self._summary.run(self._options.summary_s),
            )
        ]
        watch = asyncio.create_task(self._handover.wait(partial(self._find_reason, stop)))
        ending = Ending.FAILED
        try:
            await asyncio.wait([watch, writing, *others], return_when=asyncio.FIRST_COMPLETED)
            for part in (writing, *others):
                if part.done():
                    # Each of them ends only with an error.
                    part.result()
            ending = watch.result()
        finally:
            watch.cancel()
            await self._end(writing, others, ending)
        return ending

    async def _end(
        self, writing: asyncio.Task[None], others: Sequence[asyncio.Task[None]], ending: Ending
    ) -> None:
        """Writes what is left, releases the lock for a standby, and then stops receiving."""
        self._writing.stop()
        await asyncio.wait([writing])
        # Before somebody else writes: from then on it is theirs to say what is live.
        self._ending = True
        await asyncio.to_thread(self._record.keep, self._describe(), self._find_realtime())
        await self._writing.close()
        for part in others:
            part.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._budget.__aexit__(None, None, None)
        await asyncio.to_thread(self._record.end, ending.value, self._describe())
        await self._deliveries.close(_CONSUMERS_S)
        _log.info("the session ended (%s): %s", ending.value, self._summary.describe_all())

    def _find_reason(self, stop: Callable[[], bool]) -> Ending | None:
        """The reason to end at once; None while the session may go on."""
        if stop():
            return Ending.STOPPED
        return None if self._record.may_run else Ending.SWITCHED_OFF

    async def _keep_record(self) -> None:
        mode = Mode.NONE
        while True:
            before, mode = mode, self._flow.mode
            if mode is not before:
                _log.info("the session's mode is %s now, it was %s", mode.value, before.value)
            if self._writing.role is Role.WRITER:
                self._kinds.look(self._batcher.clock_ms)
            await asyncio.to_thread(self._record.keep, self._describe(), self._find_realtime())
            await asyncio.sleep(self._options.record_s)

    async def _watch_universe(self) -> None:
        while True:
            await asyncio.sleep(self._options.universe_s)
            version = await asyncio.to_thread(self._options.version)
            self._handover.is_outdated = version != self._version
            try:
                self._follow(await asyncio.to_thread(self._record.select_series))
                if self._writing.role is Role.WRITER:
                    keep = self._record.keep_only
                    await asyncio.to_thread(keep, self._channels, self._kinds)
            except CandlehouseError as error:
                _log.warning("the universe cannot be read, the present one is kept: %s", error)

    def _follow(self, series: Sequence[Series]) -> None:
        """Streams exactly these channels from now on; the best ranked symbols come first."""
        self._series = series
        wanted = self._kinds.choose_channels(self._series)
        new, gone = wanted - self._channels, self._channels - wanted
        if not new and not gone:
            return
        _log.info("%d channels are streamed, %d new, %d gone", len(wanted), len(new), len(gone))
        self._channels = wanted
        self._client.want(wanted)
        self._batcher.forget(gone)
        self._flow.end(gone)
        self._kinds.forget(gone)
        if self._writing.role is Role.WRITER:
            self._kinds.adopt(new)

    def _change_role(self, role: Role) -> None:
        if role is Role.WRITER:
            self._kinds.adopt(self._channels)
        else:
            self._kinds.forget(self._channels)

    def _begin_to_flow(self, channels: Collection[Channel]) -> None:
        self._flow.begin(channels)
        if self._writing.role is Role.WRITER:
            self._kinds.flowing(channels)

    def _note_written(self, part: Part[Any]) -> None:
        # What is to be confirmed must be known of every candle, or nobody would ever ask for
        # it: a few entries in dictionaries of this event loop. Everything else that wants to
        # know of commits is a consumer, and may lose some.
        self._kinds.wrote(part, self._batcher.counters)
        self._deliveries.offer(part)

    def _find_polled(self) -> Collection[Channel]:
        """Channels to poll by REST, because no stream delivers them."""
        polling = self._writing.role is Role.WRITER and self._flow.mode is Mode.POLLING
        return self._channels if polling else ()

    def _set_offset(self, offset_ms: int) -> None:
        self._batcher.clock_offset_ms = offset_ms

    def _find_realtime(self) -> frozenset[Series] | None:
        """Series whose candles a stream brings now, None when no candles are streamed here."""
        if CANDLES not in self._options.kinds:
            return None
        flowing = () if self._ending else select_kind(self._flow.realtime, CANDLES)
        return frozenset(select_series(flowing))

    def _describe(self) -> SessionState:
        """How the session stands."""
        self._summary.collect()
        counted = asdict(self._batcher.counters)
        del counted["dropped"]
        writes = self._writing.role is Role.WRITER
        return SessionState(
            role=RecordedRole.WRITER if writes else RecordedRole.STANDBY,
            mode=self._flow.mode,
            symbols=len({series.symbol for series in self._series}),
            timeframes=self._options.timeframes,
            counters=Counters(**counted, reconnects=self._client.reconnects),
            last_message_at=self._flow.last_message_at,
            lag_ms={str(bound): count for bound, count in self._summary.lag.counts.items()},
        )
