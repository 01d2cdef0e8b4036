"""Records verdicts together with the answers that are their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.gaps import cut_gaps
from candlehouse.core.judging.evidence import Check
from candlehouse.core.model import Gap, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.checks import record_checks
from candlehouse.storage.completeness.gaps import record_gaps


def record_verdicts(
    connection: Connection,
    timeframe: Timeframe,
    verdicts: Mapping[str, Sequence[Gap]],
    checks: Mapping[str, Sequence[Check]],
    now: datetime,
) -> list[Gap]:
    """Records verdicts and answers, except on candles that have been stored meanwhile.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        verdicts: gaps by symbol.
        checks: answers by symbol.
        now: the exchange's time.

    Returns:
        The gaps as they were recorded.
    """
    requested = {
        symbol: Span(min(gap.span.start for gap in gaps), max(gap.span.end for gap in gaps))
        for symbol, gaps in verdicts.items()
        if gaps
    }
    held = select_held(connection, timeframe, requested)
    still = {symbol: cut_gaps(gaps, held.get(symbol, []))[0] for symbol, gaps in verdicts.items()}
    record_gaps(connection, timeframe, still, now)
    judged = {symbol: [gap.span for gap in gaps] for symbol, gaps in still.items()}
    record_checks(connection, timeframe, checks, judged)
    return [gap for gaps in still.values() for gap in gaps]
