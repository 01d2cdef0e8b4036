"""Reads and writes the evidence about missing candles: questions and answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from candlehouse.core.judging.evidence import Answer, Check, Informant, overlay_checks
from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)

# A check and the symbol whose candles are missing.
_Row = tuple[str, Check]


def select_checks(
    connection: Connection,
    timeframe: Timeframe,
    ranges: Mapping[str, Span],
    *,
    of_others: bool = True,
) -> dict[str, list[Check]]:
    """Checks that overlap or touch a symbol's range; checks are returned whole, not clipped.

    Args:
        connection: any.
        timeframe: of all the series.
        ranges: per symbol, half-open.
        of_others: include questions about witnesses, not only about the symbol itself.

    Returns:
        Per symbol whose candles are missing; symbols without checks are left out.
    """
    if not ranges:
        return {}
    parameters = {
        "timeframe": timeframe.value,
        "of_others": of_others,
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
    """Stores answers; later answers replace earlier ones about the same slots.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        timeframe: of all the series.
        fresh: new checks per symbol.
        judged: ranges per symbol that get a new verdict: earlier checks of witnesses that are not
            among `fresh` are removed from them.
    """
    judged = judged or {}
    hulls = {
        symbol: Span(min(span.start for span in spans), max(span.end for span in spans))
        for symbol in {**fresh, **judged}
        if (spans := [*(c.span for c in fresh.get(symbol, ())), *judged.get(symbol, ())])
    }
    before = select_checks(connection, timeframe, hulls)
    dropped: list[_Row] = []
    added: list[_Row] = []
    for symbol in sorted(hulls):
        known = before.get(symbol, [])
        after = overlay_checks(symbol, known, fresh.get(symbol, ()), judged.get(symbol, ()))
        stays = {*known} & {*after}
        dropped += [(symbol, check) for check in known if check not in stays]
        added += [(symbol, check) for check in after if check not in stays]
    if dropped:
        connection.execute(_SQL("delete_checks"), _keys(timeframe, dropped))
    if added:
        values = {
            "ends": [check.span.end for _, check in added],
            "answers": [check.answer.value for _, check in added],
            "asked": [check.asked_at for _, check in added],
        }
        connection.execute(_SQL("insert_checks"), {**_keys(timeframe, added), **values})


def _keys(timeframe: Timeframe, rows: Sequence[_Row]) -> dict[str, object]:
    return {
        "timeframe": timeframe.value,
        "symbols": [symbol for symbol, _ in rows],
        "subjects": [check.subject for _, check in rows],
        "sources": [check.informant.value for _, check in rows],
        "starts": [check.span.start for _, check in rows],
    }
