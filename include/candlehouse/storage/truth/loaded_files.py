"""What is known of the exchange's published files: loaded, missing or broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import (
    ArchiveFile,
    FileAnswer,
    FileState,
    KnownFile,
    Tree,
)
from candlehouse.core.timeframe import Timeframe, midnight
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


def select_files(
    connection: Connection, timeframe: Timeframe, symbols: Sequence[str], span: Span
) -> dict[ArchiveFile, KnownFile]:
    """Files that were requested earlier and may overlap `span`.

    Args:
        connection: any.
        timeframe: of all the series.
        symbols: distinct.
        span: half-open; the monthly file of the month in which it starts is included.
    """
    parameters = {
        "timeframe": timeframe.value,
        "symbols": list(symbols),
        "low": span.start.replace(day=1).date(),
        # The last day whose file may overlap the span.
        "high": (span.end - timedelta(microseconds=1)).date(),
    }
    found: dict[ArchiveFile, KnownFile] = {}
    for row in connection.execute(_SQL("select_files"), parameters):
        start = midnight(row.period_start)
        file = ArchiveFile(Series(row.symbol, timeframe), Tree(row.tree), start)
        state = FileState(row.state)
        found[file] = KnownFile(file, state, row.checked_at, row.sha256, row.rows)
    return found


def select_replaced(
    connection: Connection, answers: Sequence[FileAnswer]
) -> frozenset[ArchiveFile]:
    """The files of which another version, by checksum, was loaded before."""
    keys = [_key(answer.file) for answer in answers]
    parameters = {
        "symbols": [key["symbol"] for key in keys],
        "timeframes": [key["timeframe"] for key in keys],
        "trees": [key["tree"] for key in keys],
        "starts": [key["period_start"] for key in keys],
        "checksums": [answer.sha256 for answer in answers],
    }
    places = connection.execute(_SQL("select_replaced"), parameters).scalars()
    return frozenset(answers[place - 1].file for place in places)


def record_loaded(
    connection: Connection, answers: Iterable[tuple[FileAnswer, str]], now: datetime
) -> None:
    """Records loaded files, in the transaction that writes their candles.

    Args:
        connection: in the caller's transaction.
        answers: each with its URL.
        now: the exchange's time.
    """
    rows = [
        {
            **_key(answer.file),
            "url": url,
            "sha256": answer.sha256,
            "size": answer.size,
            "rows": answer.rows,
            "now": now,
        }
        for answer, url in answers
    ]
    connection.execute(_SQL("record_loaded"), rows)


def record_problem(
    connection: Connection,
    file: ArchiveFile,
    url: str,
    state: FileState,
    problem: str,
    now: datetime,
) -> None:
    """Records why a file was not loaded; `now` is the exchange's time."""
    values = {"url": url, "state": state.value, "problem": problem, "now": now}
    connection.execute(_SQL("record_problem"), {**_key(file), **values})


def record_unchanged(connection: Connection, files: Sequence[ArchiveFile], now: datetime) -> None:
    """Records that files are still published with the checksum that was loaded."""
    if files:
        connection.execute(_SQL("record_unchanged"), [{**_key(file), "now": now} for file in files])


def _key(file: ArchiveFile) -> dict[str, object]:
    return {
        "symbol": file.series.symbol,
        "timeframe": file.series.timeframe.value,
        "tree": file.tree.value,
        "period_start": file.start.date(),
    }
