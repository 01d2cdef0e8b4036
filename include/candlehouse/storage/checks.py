"""Reads and writes what was asked about missing candles, and what came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from candlehouse.core.evidence import Answer, Check, Informant, overlay_checks
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.queries import load_queries

_SQL = load_queries("checks")


def select_checks(
    connection: Connection, timeframe: Timeframe, ranges: Mapping[str, Span]
) -> dict[str, list[Check]]:
    """Checks that overlap or touch a range a symbol, whole; of any subject."""
    if not ranges:
        return {}
    parameters = {
        "timeframe": timeframe.value,
        "symbols": list(ranges),
        "starts": [span.start for span in ranges.values()],
        "ends": [span.end for span in ranges.values()],
    }
    found: dict[str, list[Check]] = defaultdict(list)
    for row in connection.execute(_SQL("select_checks"), parameters):
        found[row.symbol].append(
            Check(
                Span(row.range_start, row.range_end),
                row.subject,
                Informant(row.source),
                Answer(row.answer),
                row.asked_at,
            )
        )
    return dict(found)


def record_checks(
    connection: Connection,
    timeframe: Timeframe,
    fresh: Mapping[str, Sequence[Check]],
    judged: Mapping[str, Sequence[Span]] | None = None,
) -> None:
    """Keeps what was answered; later answers take the place of earlier ones.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        fresh: checks a symbol.
        judged: ranges a symbol that get a verdict with this: witnesses that spoke of them
            earlier and are not among `fresh` no longer count.
    """
    judged = judged or {}
    hulls = {
        symbol: Span(min(span.start for span in spans), max(span.end for span in spans))
        for symbol in {**fresh, **judged}
        if (spans := [*(c.span for c in fresh.get(symbol, ())), *judged.get(symbol, ())])
    }
    before = select_checks(connection, timeframe, hulls)
    for symbol in sorted(hulls):
        known = before.get(symbol, [])
        after = overlay_checks(symbol, known, fresh.get(symbol, ()), judged.get(symbol, ()))
        series, stays = Series(symbol, timeframe), {*known} & {*after}
        _delete(connection, series, [check for check in known if check not in stays])
        _insert(connection, series, [check for check in after if check not in stays])


def _delete(connection: Connection, series: Series, checks: Sequence[Check]) -> None:
    if checks:
        connection.execute(_SQL("delete_checks"), _columns(series, checks))


def _insert(connection: Connection, series: Series, checks: Sequence[Check]) -> None:
    if checks:
        values = {
            "ends": [check.span.end for check in checks],
            "answers": [check.answer.value for check in checks],
            "asked": [check.asked_at for check in checks],
        }
        connection.execute(_SQL("insert_checks"), {**_columns(series, checks), **values})


def _columns(series: Series, checks: Sequence[Check]) -> dict[str, object]:
    return {
        "symbol": series.symbol,
        "timeframe": series.timeframe.value,
        "subjects": [check.subject for check in checks],
        "sources": [check.informant.value for check in checks],
        "starts": [check.span.start for check in checks],
    }
