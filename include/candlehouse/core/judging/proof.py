"""What an answer proves about candles that it does not contain: the rule is defined only here.

An exchange is asked for the candles of a range and answers with rows. The number of rows
proves nothing: servers and proxies may send fewer rows than `limit` allows. An answer proves
that a candle does not exist

- **between two of its own rows**, or
- **in the whole range that was asked for, if the answer has no rows at all**.

Before its first row and beyond its last row an answer proves nothing. A caller that needs to
know asks for exactly that part, and is done when the answer is empty. `pipelines.fetching.paging`
does this for every caller: collection, witnesses, second looks and reconciliation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe


def find_proven(asked: Span, opened: Sequence[datetime], timeframe: Timeframe) -> Span | None:
    """The part of the requested range for which an answer says whether each candle exists.

    Args:
        asked: the requested range, half-open, on the slot grid.
        opened: open times of the answer's rows, ascending; may contain times outside `asked`, as
            some servers round or repeat rows.
        timeframe: of the candles.

    Returns:
        A half-open range on the slot grid: every slot inside it either has a row or has no candle.
        None when all rows lie outside `asked`: the answer does not match the request.
    """
    if not opened:
        return asked
    end = timeframe.floor(opened[-1]) + timeframe.length
    return clamp_span(Span(timeframe.floor(opened[0]), end), asked)
