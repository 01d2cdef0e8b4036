"""Columns of a block of candles: whole numbers of ticks, lots and trades, one row per candle."""

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
OPEN, HIGH, LOW, CLOSE, LOTS, QUOTE, TRADES, TAKER, TAKER_QUOTE = range(9)
FIELDS = 9
