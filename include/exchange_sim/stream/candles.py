"""Finished candles as REST serves them, read back from its own pages."""

import msgspec

from exchange_sim.klines.candle import Candle
from exchange_sim.klines.instrument import Market
from exchange_sim.klines.paging import Query
from exchange_sim.websocket.names import StreamName


class _Row(msgspec.Struct, array_like=True, frozen=True):
    open_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_ms: int
    quote_volume: str
    trades: int
    taker_volume: str
    taker_quote_volume: str

    def candle(self) -> Candle:
        return Candle(
            self.open_ms, self.close_ms, self.open, self.high, self.low, self.close, self.volume,
            self.quote_volume, self.trades, self.taker_volume, self.taker_quote_volume,
        )  # fmt: skip


_PAGE = msgspec.json.Decoder(list[_Row])


def finished_candles(
    market: Market, name: StreamName, slots: list[tuple[int, int]], now_ms: int
) -> list[tuple[int, Candle]]:
    """Return what REST shows for slots that are over; slots without a row are left out.

    Args:
        market: whose candles.
        name: of the stream.
        slots: consecutive half-open (start, end), ascending, all over at ``now_ms``.
        now_ms: the clock.

    Returns:
        (end of the slot, candle), ascending.
    """
    if not slots or market.instrument(name.symbol, now_ms) is None:
        return []
    first, last = slots[0][0], slots[-1][1] - 1
    page = market.klines(Query(name.symbol, name.interval, first, last, len(slots)), now_ms)
    rows = iter(_PAGE.decode(page))
    found = []
    row = next(rows, None)
    for start, end in slots:
        # A row off the grid belongs to the slot in which it opens.
        if row is not None and start <= row.open_ms < end:
            found.append((end, row.candle()))
            row = next(rows, None)
    return found
