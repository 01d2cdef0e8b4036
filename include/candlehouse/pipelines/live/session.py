"""A session of live collection: what a stream task or `candlehouse stream` runs.

Any number of sessions may run: one writes, the others stand by with open connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from functools import partial

from candlehouse.core.errors import CandlehouseError
from candlehouse.core.live.candle_updates import candle_channel
from candlehouse.core.live.channels import Channel, select_series
from candlehouse.core.live.closes import Closes
from candlehouse.core.live.price_updates import price_channel
from candlehouse.core.model import Series
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.live.finding import find_exchange
from candlehouse.pipelines.live.flow import Flow
from candlehouse.pipelines.live.handover import Leaving
from candlehouse.pipelines.live.healing.healer import Healer
from candlehouse.pipelines.live.healing.rest_side import RestSide
from candlehouse.pipelines.live.session_options import Ending, LiveOptions
from candlehouse.pipelines.live.session_record import Books
from candlehouse.pipelines.live.summary import Summary
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.writer_role import Role, Writing
from candlehouse.pipelines.universe.symbols import find_unheard, require_symbols
from candlehouse.pipelines.venue.wiring import make_streams, open_source
from candlehouse.storage.limits.attempts import PostgresConnectionBudget
from candlehouse.storage.limits.exchange_state import ExchangeEndpoints
from candlehouse.storage.live.stream_sessions import Counters, Mode, SessionState
from candlehouse.storage.live.stream_sessions import Role as RecordedRole
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Exchange time after its end from which a candle's closing event is overdue.
_CLOSE_OVERDUE_MS = 5_000


async def run_live(warehouse: Warehouse, options: LiveOptions, stop: Callable[[], bool]) -> Ending:
    """Streams, writes and heals until told to stop, switched off or due to hand over.

    Args:
        warehouse: to read from and to write to.
        options: what and for how long.
        stop: asked a few times a second; once true the session ends in order.

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
    if await warehouse.in_thread(find_unheard, symbols):
        async with open_source(warehouse) as source:
            await require_symbols(warehouse, source, symbols)


class _Session:
    """Joins the parts of one session."""

    def __init__(
        self,
        warehouse: Warehouse,
        options: LiveOptions,
        endpoints: ExchangeEndpoints,
    ) -> None:
        self._options = options
        self._series: frozenset[Series] = frozenset()
        self._channels: frozenset[Channel] = frozenset()
        self._flow = Flow(options.poll_after_s)
        self._ending = False
        self._version = options.version()
        closes = Closes(_CLOSE_OVERDUE_MS)
        self._closes = closes
        self._healer = Healer(warehouse, closes)
        self._batcher = Batcher(
            lambda update: closes.saw(update.series, update.open_ms),
            self._begin_to_flow,
            self._flow.end,
        )
        self._writing = Writing(
            self._batcher,
            LiveWriter(warehouse.engine, warehouse.settings.close_grace),
            warehouse.settings.home / "spool",
            warehouse.settings.stream_flush_s,
            self._change_role,
            self._healer.wrote,
        )
        self._rest = RestSide(
            warehouse, self._healer, self._batcher, self._find_polled, self._set_offset
        )
        self._leaving = Leaving(options.run, options.patience_s, self._writing)
        self._budget = PostgresConnectionBudget(
            warehouse.engine, VENUE.streams.attempts, VENUE.streams.window_s
        )
        self._client = make_streams(warehouse.settings, endpoints, self._budget, self._batcher)
        self._flow.watch(self._client)
        self._books = Books(warehouse, options.timeframes, options.symbols)
        self._summary = Summary(self._batcher.counters, self._writing)

    async def run(self, stop: Callable[[], bool]) -> Ending:
        self._follow(await asyncio.to_thread(self._books.select_series))
        writing = asyncio.create_task(self._writing.run())
        others = [
            asyncio.create_task(part)
            for part in (
                self._client.run(),
                self._rest.run(),
                self._keep_books(),
                self._watch_universe(),
                self._summary.run(self._options.summary_s),
            )
        ]
        watch = asyncio.create_task(self._leaving.wait(partial(self._find_reason, stop)))
        ending = Ending.FAILED
        try:
            await asyncio.wait([watch, writing, *others], return_when=asyncio.FIRST_COMPLETED)
            for part in (writing, *others):
                if part.done():
                    # None of them ends by itself but by an error.
                    part.result()
            ending = watch.result()
        finally:
            watch.cancel()
            await self._end(writing, others, ending)
        return ending

    async def _end(
        self, writing: asyncio.Task[None], others: Sequence[asyncio.Task[None]], ending: Ending
    ) -> None:
        """Writes what is left, lets the next writer go on, and only then stops receiving."""
        self._writing.stop()
        await asyncio.wait([writing])
        # Before somebody else writes: from then on it is theirs to say what is live.
        self._ending = True
        await asyncio.to_thread(self._books.keep, self._describe(), self._find_realtime())
        await self._writing.close()
        for part in others:
            part.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._budget.__aexit__(None, None, None)
        await asyncio.to_thread(self._books.end, ending.value, self._describe())
        _log.info("%s: %s", ending.value, self._summary.describe_all())

    def _find_reason(self, stop: Callable[[], bool]) -> Ending | None:
        """Why to end at once, None when nothing speaks for it."""
        if stop():
            return Ending.STOPPED
        return None if self._books.may_run else Ending.SWITCHED_OFF

    async def _keep_books(self) -> None:
        mode = Mode.NONE
        while True:
            before, mode = mode, self._flow.mode
            if mode is not before:
                _log.info("mode %s, was %s", mode.value, before.value)
            if self._writing.role is Role.WRITER:
                self._healer.request(self._closes.find_overdue(self._batcher.clock_ms))
            await asyncio.to_thread(self._books.keep, self._describe(), self._find_realtime())
            await asyncio.sleep(self._options.books_s)

    async def _watch_universe(self) -> None:
        while True:
            await asyncio.sleep(self._options.universe_s)
            version = await asyncio.to_thread(self._options.version)
            self._leaving.is_outdated = version != self._version
            try:
                self._follow(await asyncio.to_thread(self._books.select_series))
                if self._writing.role is Role.WRITER:
                    await asyncio.to_thread(self._books.keep_only, self._series)
            except CandlehouseError as error:
                _log.warning("the universe cannot be read, the last one stays: %s", error)

    def _follow(self, series: Collection[Series]) -> None:
        """Streams these from now on, and no others."""
        wanted = frozenset(series)
        new, gone = wanted - self._series, self._series - wanted
        if not new and not gone:
            return
        _log.info("%d series are streamed, %d new, %d gone", len(wanted), len(new), len(gone))
        self._series = wanted
        channels, channels_before = _choose_channels(wanted), self._channels
        self._channels = channels
        self._client.want(channels)
        self._batcher.forget(channels_before - channels)
        self._flow.end(channels_before - channels)
        self._healer.forget(gone)
        if self._writing.role is Role.WRITER:
            self._healer.adopt(new)

    def _change_role(self, role: Role) -> None:
        if role is Role.WRITER:
            self._healer.adopt(self._series)
        else:
            self._healer.forget(self._series)

    def _begin_to_flow(self, channels: Collection[Channel]) -> None:
        self._flow.begin(channels)
        if self._writing.role is Role.WRITER:
            self._healer.request(select_series(channels))

    def _set_offset(self, offset_ms: int) -> None:
        self._batcher.clock_offset_ms = offset_ms

    def _find_polled(self) -> Collection[Series]:
        polling = self._writing.role is Role.WRITER and self._flow.mode is Mode.POLLING
        return self._series if polling else ()

    def _find_realtime(self) -> frozenset[Series]:
        return frozenset() if self._ending else frozenset(select_series(self._flow.realtime))

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


def _choose_channels(series: Collection[Series]) -> frozenset[Channel]:
    """The candles of each series, and the prices of each symbol."""
    prices = {price_channel(one.symbol) for one in series}
    return frozenset({candle_channel(one) for one in series} | prices)
