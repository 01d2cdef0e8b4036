"""Last prices: each update replaces the one before, so none is durable and none is healed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import PRICES, PriceUpdate, price_channel
from candlehouse.core.model import Series
from candlehouse.pipelines.live.healing.price_polling import PricePolling
from candlehouse.pipelines.live.kinds.kind import FindPolled, LiveKind, RestWork
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.newest_buffer import NewestBuffer
from candlehouse.pipelines.live.writing.writers import KindWriter
from candlehouse.storage.live.latest_prices import keep_prices, prices_statement
from candlehouse.storage.warehouse import Warehouse


class PriceKind(LiveKind[PriceUpdate]):
    """The last price of every symbol that is streamed.

    Args:
        warehouse: not needed, for prices are written by the session's own connection.
    """

    name = PRICES

    def __init__(self, warehouse: Warehouse) -> None:
        # No lock: a row only moves on, whoever writes it. A session of prices alone must not
        # keep a session of candles from writing.
        super().__init__(NewestBuffer(), KindWriter(show=prices_statement))

    def choose_channels(self, series: Sequence[Series]) -> set[Channel]:
        """One per symbol."""
        return {price_channel(one.symbol) for one in series}

    def keep_only(self, connection: Connection, channels: Collection[Channel]) -> None:
        """Deletes the rows of all other symbols from `latest_prices`."""
        keep_prices(connection, [channel.symbol for channel in channels])

    def list_rest_work(self, batcher: Batcher, find_polled: FindPolled) -> Sequence[RestWork]:
        """Polling of prices while no stream works."""
        return (PricePolling(batcher, find_polled).run,)
