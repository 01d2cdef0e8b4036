"""Candles: closed ones are durable, missing ones are healed by REST, and REST confirms all."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from candlehouse.core.live.candle_updates import CANDLES, CandleUpdate, candle_channel
from candlehouse.core.live.channels import Channel, select_series
from candlehouse.core.live.closes import Closes
from candlehouse.core.model import Series
from candlehouse.pipelines.live.healing.healer import Healer
from candlehouse.pipelines.live.healing.polling import CandlePolling
from candlehouse.pipelines.live.kinds.candle_spool import CANDLE_SPOOL
from candlehouse.pipelines.live.kinds.candle_writer import make_candle_writer
from candlehouse.pipelines.live.kinds.kind import FindPolled, LiveKind, RestWork
from candlehouse.pipelines.live.writing.batches import Part
from candlehouse.pipelines.live.writing.buffer import Batcher, Counters
from candlehouse.pipelines.live.writing.candle_buffer import CandleBuffer
from candlehouse.storage.live.forming_candles import keep_forming
from candlehouse.storage.warehouse import Warehouse

# Exchange time after its end from which a candle's closing event is overdue.
_CLOSE_OVERDUE_MS = 5_000


class CandleKind(LiveKind[CandleUpdate]):
    """The candles of every series that is streamed.

    Args:
        warehouse: to read from and to write to.
    """

    name = CANDLES

    def __init__(self, warehouse: Warehouse) -> None:
        self._closes = closes = Closes(_CLOSE_OVERDUE_MS)
        self._healer = Healer(warehouse, closes)
        super().__init__(
            CandleBuffer(lambda update: closes.saw(update.series, update.open_ms)),
            make_candle_writer(warehouse.settings.close_grace),
            CANDLE_SPOOL,
        )

    def choose_channels(self, series: Sequence[Series]) -> set[Channel]:
        """One per series."""
        return {candle_channel(one) for one in series}

    def adopt(self, channels: Collection[Channel]) -> None:
        """Finds out what is missing of these, and fetches it by REST."""
        self._healer.adopt(select_series(channels))

    def forget(self, channels: Collection[Channel]) -> None:
        """Nothing of these is fetched or expected any more."""
        self._healer.forget(select_series(channels))

    def flowing(self, channels: Collection[Channel]) -> None:
        """Requests by REST the candles that closed before the connection was open."""
        self._healer.request(select_series(channels))

    def look(self, clock_ms: int) -> None:
        """Requests by REST the candles whose closing event is overdue."""
        self._healer.request(self._closes.find_overdue(clock_ms))

    def wrote(self, part: Part[CandleUpdate], counters: Counters) -> None:
        """Counts committed candles, and schedules the confirmation of closed ones by REST."""
        count_candles(part, counters)
        self._healer.wrote(part.durable)

    def keep_only(self, connection: Connection, channels: Collection[Channel]) -> None:
        """Deletes the rows of all other series from `live_candles`."""
        keep_forming(connection, select_series(channels))

    def list_rest_work(self, batcher: Batcher, find_polled: FindPolled) -> Sequence[RestWork]:
        """Healing, confirming, and polling of forming candles while no stream works."""
        polling = CandlePolling(batcher, lambda: select_series(find_polled()))
        return self._healer.run, polling.run


def count_candles(part: Part[CandleUpdate], counters: Counters) -> None:
    """Counts candles that were committed."""
    counters.closed_written += len(part.durable)
    counters.forming_written += len(part.latest)
