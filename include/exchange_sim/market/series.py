"""Cached stretches of one symbol: minutes by day, hours by eight days, encoded blocks, files."""

from collections.abc import Iterator

import numpy as np

from exchange_sim.klines.columns import CLOSE
from exchange_sim.klines.encode import Block, encode, encode_csv
from exchange_sim.klines.intervals import DAY_MS, FIXED_MS, HOUR_MS, MINUTE_MS
from exchange_sim.lru import BoundedCache
from exchange_sim.market.fold import Total, add, cut, fold, join, total
from exchange_sim.market.spec import SymbolSpec
from exchange_sim.market.walk import MINUTES, Rows, generate

# Eight days of minutes in one go fit the processor's second-level cache.
_CHUNK_DAYS = 8
# Days an encoded block: small enough that a cold page generates little that it does not show.
_BLOCK_DAYS = {
    "1m": 1, "3m": 1, "5m": 1, "15m": 2, "30m": 2, "1h": 8, "2h": 16, "4h": 32, "6h": 32,
    "8h": 32, "12h": 32, "1d": 64, "3d": 192,
}  # fmt: skip
FOLDED = tuple(_BLOCK_DAYS)

_MINUTE_DAYS = 256
_HOUR_CHUNKS = 6000
_BLOCK_BYTES = 96 * 1024 * 1024
# Files of coarser candles are folded from these, so that a month's minutes are made once for all.
_BASE = "5m"
# Forty months of them, 27 MB.
_BASE_SLOTS = 360_000


class Series:
    """Candles of every symbol of one seed, computed on demand and kept within bounds."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._minutes: BoundedCache[tuple[str, int], Rows] = BoundedCache(_MINUTE_DAYS)
        self._hours: BoundedCache[tuple[str, int], Rows] = BoundedCache(_HOUR_CHUNKS)
        self._blocks: BoundedCache[tuple[str, str, int], Block] = BoundedCache(_BLOCK_BYTES)
        self._bases: BoundedCache[tuple[str, int, int], Rows] = BoundedCache(_BASE_SLOTS)

    def minutes(self, spec: SymbolSpec, day: int) -> Rows:
        """Return the 1440 minutes of one UTC day."""
        key = (spec.symbol, day)
        rows = self._minutes.get(key)
        if rows is None:
            rows = generate(self._seed, spec, day)
            self._minutes.put(key, rows)
        return rows

    def hours(self, spec: SymbolSpec, chunk: int) -> Rows:
        """Return the 192 hours of the eight days from ``8 * chunk``."""
        key = (spec.symbol, chunk)
        rows = self._hours.get(key)
        if rows is None:
            rows = fold(generate(self._seed, spec, chunk * _CHUNK_DAYS, _CHUNK_DAYS), 60)
            self._hours.put(key, rows)
        return rows

    def rows(self, spec: SymbolSpec, interval: str, day: int, days: int) -> Rows:
        """Return the slots of whole days; from 1h upward both counts are multiples of eight."""
        factor = FIXED_MS[interval] // MINUTE_MS
        if factor < 60:
            starts = range(day, day + days, _CHUNK_DAYS)
            lengths = [min(_CHUNK_DAYS, day + days - start) for start in starts]
            parts = zip(starts, lengths, strict=True)
            return join([fold(generate(self._seed, spec, *part), factor) for part in parts])
        chunks = range(day // _CHUNK_DAYS, (day + days) // _CHUNK_DAYS)
        return fold(join([self.hours(spec, chunk) for chunk in chunks]), factor // 60)

    def csv(
        self, spec: SymbolSpec, interval: str, start_ms: int, end_ms: int, *, microseconds: bool
    ) -> bytes:
        """Return the lines of all rows that open in a stretch, in one go.

        Args:
            spec: whose candles.
            interval: one of ``FOLDED``, of at most a day.
            start_ms: a midnight, inclusive.
            end_ms: a midnight, exclusive.
            microseconds: the unit of the times, else milliseconds.
        """
        if start_ms >= (spec.delisted_ms or end_ms) or end_ms <= spec.listed_ms:
            return b""
        unit, step = (1000 if microseconds else 1), FIXED_MS[interval]
        rows = self._whole_days(spec, interval, start_ms // DAY_MS, end_ms // DAY_MS)
        values = rows.values
        opens = np.arange(start_ms, end_ms, step, dtype=np.int64)
        if rows.present is not None:
            values, opens = values[:, rows.present], opens[rows.present]
        opens *= unit
        closes = opens + (step * unit - 1)
        return encode_csv(opens, closes, values, spec.price_decimals, spec.lot_decimals)

    def _whole_days(self, spec: SymbolSpec, interval: str, first: int, last: int) -> Rows:
        """Return the slots of the days ``[first, last)``."""
        step = FIXED_MS[interval]
        if step % FIXED_MS[_BASE]:
            return self.rows(spec, interval, first, last - first)
        key = (spec.symbol, first, last)
        base = self._bases.get(key)
        if base is None:
            base = self.rows(spec, _BASE, first, last - first)
            self._bases.put(key, base, base.values.shape[1])
        return fold(base, step // FIXED_MS[_BASE])

    def blocks(
        self, spec: SymbolSpec, interval: str, bounds_ms: tuple[int, int], rows: int, newest: bool
    ) -> Iterator[Block]:
        """Yield the encoded blocks that touch a stretch, the newest first if asked for.

        Blocks hold whole stretches of days, so rows outside the bounds are among them.

        Args:
            spec: whose candles.
            interval: one of ``FOLDED``.
            bounds_ms: open times wanted, both inclusive.
            rows: how many will be read. Neighbouring blocks for that many are made in one go:
                much of what a block costs does not depend on its length.
            newest: whether to go backwards.
        """
        span = _BLOCK_DAYS[interval] * DAY_MS
        first_ms, last_ms = bounds_ms
        numbers = range(first_ms // span, last_ms // span + 1)
        # Where the last of the rows will be, unless outages make the way longer.
        way = (rows - 1) * FIXED_MS[interval]
        if newest:
            numbers = numbers[::-1]
            reach = last_ms // span - (last_ms - way) // span + 1
        else:
            reach = (first_ms + way) // span - first_ms // span + 1
        at = 0
        while at < len(numbers):
            held = self._blocks.get((spec.symbol, interval, numbers[at]))
            if held is not None:
                blocks = [held]
            else:
                near = numbers[at : at + max(1, reach - at)]
                blocks = self._make(spec, interval, self._missing(spec, interval, near))
            yield from blocks
            at += len(blocks)

    def _missing(self, spec: SymbolSpec, interval: str, numbers: range) -> range:
        """Return the leading blocks up to the first that is held; at least one."""
        count = 1
        while count < len(numbers) and (spec.symbol, interval, numbers[count]) not in self._blocks:
            count += 1
        return numbers[:count]

    def _make(self, spec: SymbolSpec, interval: str, numbers: range) -> list[Block]:
        """Make neighbouring blocks and keep them; in the order of their numbers."""
        days, step = _BLOCK_DAYS[interval], FIXED_MS[interval]
        start = min(numbers) * days
        rows = self.rows(spec, interval, start, len(numbers) * days)
        values = rows.values
        times = start * DAY_MS + np.arange(values.shape[1], dtype=np.int64) * step
        if rows.present is not None:
            values, times = values[:, rows.present], times[rows.present]
        whole = encode(times, times + (step - 1), values, spec.price_decimals, spec.lot_decimals)
        made = []
        for number in numbers:
            edges = np.array([number, number + 1]) * days * DAY_MS
            first, last = times.searchsorted(edges).tolist()
            block = whole.part(first, last)
            self._blocks.put((spec.symbol, interval, number), block, block.size)
            made.append(block)
        return made

    def total(self, spec: SymbolSpec, start_ms: int, end_ms: int) -> Total | None:
        """Return the exact sum of the minutes in ``[start_ms, end_ms)``, both on whole minutes."""
        result: Total | None = None
        at = start_ms
        chunk_ms = _CHUNK_DAYS * DAY_MS
        while at < end_ms:
            if at % HOUR_MS == 0 and end_ms - at >= HOUR_MS:
                chunk = at // chunk_ms
                origin = chunk * chunk_ms
                stop = min(end_ms // HOUR_MS * HOUR_MS, origin + chunk_ms)
                hours = self.hours(spec, chunk)
                part = cut(hours, (at - origin) // HOUR_MS, (stop - origin) // HOUR_MS)
            else:
                origin = at // DAY_MS * DAY_MS
                stop = min(end_ms, (at // HOUR_MS + 1) * HOUR_MS)
                minutes = self.minutes(spec, origin // DAY_MS)
                part = cut(minutes, (at - origin) // MINUTE_MS, (stop - origin) // MINUTE_MS)
            result = add(result, total(part))
            at = stop
        return result

    def minute(self, spec: SymbolSpec, minute_ms: int) -> Total | None:
        """Return one whole minute, None if it has no row."""
        day, within = divmod(minute_ms // MINUTE_MS, MINUTES)
        return total(cut(self.minutes(spec, day), within, within + 1))

    def quiet_minute(self, spec: SymbolSpec, minute_ms: int) -> Total:
        """Return a minute that has no row: nothing traded, at the price that stands."""
        day, within = divmod(minute_ms // MINUTE_MS, MINUTES)
        price = int(self.minutes(spec, day).values[CLOSE, within])
        return Total(price, price, price, price, 0, 0, 0, 0, 0)
