"""Folding candles into larger ones: always the exact sum of their minutes."""

from dataclasses import dataclass

import numpy as np

from exchange_sim.klines.columns import CLOSE, FIELDS, HIGH, I64, LOTS, LOW, OPEN
from exchange_sim.market.walk import Mask, Rows

_FAR = np.int64(1 << 62)
# NumPy reduces short inner axes slowly; below this, adding strided slices is several times faster.
_NARROW = 16


def _reduce_narrow(values: I64, folded: I64, factor: int) -> None:
    """Fill high, low and the sums of ``folded`` slot by slot."""
    high, low, sums = folded[HIGH], folded[LOW], folded[LOTS:]
    high[:], low[:], sums[:] = values[HIGH, :, 0], values[LOW, :, 0], values[LOTS:, :, 0]
    for slot in range(1, factor):
        np.maximum(high, values[HIGH, :, slot], out=high)
        np.minimum(low, values[LOW, :, slot], out=low)
        sums += values[LOTS:, :, slot]


def fold(rows: Rows, factor: int) -> Rows:
    """Return candles of ``factor`` slots each.

    A folded slot has a row if any of its slots has one; open and close come from the first
    and the last slot that has a row.

    Args:
        rows: slots whose number is a multiple of ``factor``.
        factor: slots a candle, at least 1.
    """
    if factor == 1:
        return rows
    values = rows.values.reshape(FIELDS, -1, factor)
    folded = np.empty((FIELDS, values.shape[1]), dtype=np.int64)
    if rows.present is None:
        folded[OPEN] = values[OPEN, :, 0]
        folded[CLOSE] = values[CLOSE, :, -1]
        if factor <= _NARROW:
            _reduce_narrow(values, folded, factor)
        else:
            values[HIGH].max(axis=1, out=folded[HIGH])
            values[LOW].min(axis=1, out=folded[LOW])
            values[LOTS:].sum(axis=2, out=folded[LOTS:])
        return Rows(folded, None)
    mask = rows.present.reshape(-1, factor)
    slots = np.arange(len(mask))
    folded[OPEN] = values[OPEN][slots, mask.argmax(axis=1)]
    folded[HIGH] = np.where(mask, values[HIGH], 0).max(axis=1)
    folded[LOW] = np.where(mask, values[LOW], _FAR).min(axis=1)
    folded[CLOSE] = values[CLOSE][slots, factor - 1 - mask[:, ::-1].argmax(axis=1)]
    folded[LOTS:] = np.where(mask, values[LOTS:], 0).sum(axis=2)
    present: Mask = np.logical_or.reduce(mask, axis=1)
    folded[:, ~present] = 0
    return Rows(folded, present)


def cut(rows: Rows, first: int, last: int) -> Rows:
    """Return the slots ``[first, last)``."""
    present = None if rows.present is None else rows.present[first:last]
    return Rows(rows.values[:, first:last], present)


def join(parts: list[Rows]) -> Rows:
    """Return consecutive stretches as one; at least one part is needed."""
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts], axis=1)
    if all(part.present is None for part in parts):
        return Rows(values, None)
    masks = [
        np.ones(part.values.shape[1], dtype=np.bool_) if part.present is None else part.present
        for part in parts
    ]
    return Rows(values, np.concatenate(masks))


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of candles over a stretch of time, in ticks and lots of its symbol.

    Python integers: a month of a busy market passes 2**63.
    """

    open: int
    high: int
    low: int
    close: int
    lots: int
    quote: int
    trades: int
    taker: int
    taker_quote: int

    def plus(self, later: "Total") -> "Total":
        """Return the sum of this stretch and a later one."""
        return Total(
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.lots + later.lots,
            self.quote + later.quote,
            self.trades + later.trades,
            self.taker + later.taker,
            self.taker_quote + later.taker_quote,
        )


def total(rows: Rows) -> Total | None:
    """Return the sum of all rows, None when there is none."""
    values: I64 = rows.values if rows.present is None else rows.values[:, rows.present]
    if values.shape[1] == 0:
        return None
    return Total(
        int(values[OPEN, 0]),
        int(values[HIGH].max()),
        int(values[LOW].min()),
        int(values[CLOSE, -1]),
        *(sum(values[field].tolist()) for field in range(LOTS, FIELDS)),
    )


def add(first: Total | None, later: Total | None) -> Total | None:
    """Return the sum of two consecutive stretches, either of which may be empty."""
    if first is None:
        return later
    return first if later is None else first.plus(later)
