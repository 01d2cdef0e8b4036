"""Runs of validation on record, and what there is to be validated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg2.errors
from sqlalchemy import Connection, Engine

from candlehouse.core.errors import StorageError
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import EPOCH, Timeframe
from candlehouse.core.validating.validation_due import ValidationState
from candlehouse.core.validating.validation_windows import (
    Held,
    Outcome,
    StoredDay,
    ValidationScope,
    Window,
)
from candlehouse.storage.completeness.loads import is_loading
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)
# A run that began earlier was killed.
_LONGEST = timedelta(hours=1)
# Days at a time: some windows of any timeframe, and little memory.
_PAGE = 20_000
# What changed so long before a run began may have been committed, or settled, after it.
_MARGIN = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A finished run.

    Attributes:
        exchange_time: by which all was judged, None before an exchange was chosen.
        expectations: how many there are results of.
        broken: how many of them did not hold, those that only warn included.
    """

    run_id: int
    reach: str
    started_at: datetime
    finished_at: datetime
    exchange_time: datetime | None
    success: bool
    candles: int
    expectations: int
    broken: int


def select_exchange_time(connection: Connection) -> datetime | None:
    """The exchange's clock as last seen, None before an exchange was chosen."""
    now: datetime | None = connection.execute(_SQL("select_clock")).scalar_one_or_none()
    return now


def select_extents(connection: Connection, symbols: Sequence[str]) -> dict[Timeframe, Held]:
    """Where the candles of `symbols` lie, of all symbols when empty, by timeframes with any."""
    rows = connection.execute(_SQL("select_held"), {"symbols": list(symbols) or None})
    return {
        Timeframe(row.timeframe): Held(row.series, Span(row.held_from, row.held_to)) for row in rows
    }


def select_series_held(
    connection: Connection, timeframe: Timeframe, symbols: Sequence[str]
) -> dict[Series, Span]:
    """In whole days, what is held of each series of `symbols`, of all symbols when empty."""
    values = {"timeframe": timeframe.value, "symbols": list(symbols) or None}
    rows = connection.execute(_SQL("select_series"), values)
    return {Series(row.symbol, timeframe): Span(row.held_from, row.held_to) for row in rows}


def select_state(connection: Connection) -> ValidationState:
    """How much of what is stored is to be looked at, in the time of a short query.

    What a run that came to its end has looked at is not asked for again, so that the cost
    does not grow with history; all of it is before the first run.
    """
    runs = connection.execute(_SQL("select_last_runs"), {"longest": _LONGEST}).one()
    begun = runs.finished_from
    since = EPOCH if begun is None else begun - _MARGIN
    changes = connection.execute(_SQL("select_changes"), {"since": since}).mappings().one()
    loading = is_loading(connection)
    # It costs more, and matters only then.
    pending = connection.execute(_SQL("select_pending")).mappings().one() if loading else {}
    return ValidationState(
        **{**changes, **pending}, loading=loading, run_age=runs.run_age, running=runs.running,
        broken=runs.broken,
    )  # fmt: skip


def select_unvalidated(
    connection: Connection,
    timeframe: Timeframe,
    symbols: Sequence[str],
    now: datetime,
    after: StoredDay | None,
) -> list[StoredDay]:
    """The next days that are to be looked at, a page of them, by symbol and day.

    A full page ends where a symbol does, so that no window of the page reaches over days of
    the next one. A symbol that fills a page by itself is cut.

    Args:
        connection: any.
        timeframe: of the candles.
        symbols: only these; all when empty.
        now: the exchange's time.
        after: the last one of the page before, None for the first page.
    """
    values = {
        "timeframe": timeframe.value,
        "symbols": list(symbols) or None,
        "now": now,
        "after_day": EPOCH.date() if after is None else after.day,
        "after_symbol": "" if after is None else after.symbol,
        "most": _PAGE,
    }
    rows = connection.execute(_SQL("select_unvalidated"), values)
    days = [StoredDay(*row) for row in rows]
    if len(days) < _PAGE:
        return days
    return [one for one in days if one.symbol != days[-1].symbol] or days


def was_all_validated_since(connection: Connection, since: datetime) -> bool:
    """Whether every day that has candles was looked at, as it is now, at `since` or later.

    Args:
        connection: any.
        since: by the exchange's clock.
    """
    return bool(connection.execute(_SQL("was_all_validated_since"), {"since": since}).scalar_one())


class Look:
    """A look at a window, begun before anything in it was read; see `looking_at`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(
        self, run_id: int, timeframe: Timeframe, window: Window, now: datetime, passed: bool
    ) -> None:
        """Keeps that every day of the window was looked at as it was when the look began.

        Args:
            run_id: of the run.
            timeframe: of the candles.
            window: of which all was looked at.
            now: the exchange's time that all was judged by.
            passed: whether all was as it must be.
        """
        values = {
            "run_id": run_id,
            "timeframe": timeframe.value,
            "symbols": list(window.symbols) or None,
            "start": window.span.start,
            "end": window.span.end,
            "now": now,
            "passed": passed,
        }
        try:
            self._connection.execute(_SQL("record_days"), values)
        except StorageError as error:
            if not isinstance(error.__cause__, psycopg2.errors.SerializationFailure):
                raise
            # Another run has recorded the same days meanwhile, and that is as true.


@contextmanager
def looking_at(engine: Engine) -> Iterator[Look]:
    """One transaction around a look, so that no change is ever recorded as seen that was not.

    It sees the days' numbers as they were committed before it began, however long the look
    takes: of a day that is changed meanwhile, or was being changed then, it records a number
    that the day does not have any more. It locks nothing that a writer needs.
    """
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            connection.execute(_SQL("take_snapshot"))
            yield Look(connection)


def insert_run(
    connection: Connection,
    scope: ValidationScope,
    timeframes: Sequence[Timeframe],
    exchange_time: datetime | None,
) -> int:
    """Notes that a run begins; its number."""
    values = {
        "reach": scope.reach.value,
        "symbols": list(scope.symbols) or None,
        "timeframes": [timeframe.value for timeframe in timeframes],
        "range_start": None if scope.span is None else scope.span.start,
        "range_end": None if scope.span is None else scope.span.end,
        "exchange_time": exchange_time,
    }
    return int(connection.execute(_SQL("insert_run"), values).scalar_one())


def finish_run(
    connection: Connection,
    run_id: int,
    outcomes: Sequence[Outcome],
    success: bool,
    candles: int,
) -> None:
    """Keeps what a run found; in the caller's transaction, so that it is all or nothing."""
    rows = [
        {
            "run_id": run_id,
            "suite": one.suite,
            "timeframe": "" if one.timeframe is None else one.timeframe.value,
            "expectation": one.expectation,
            "severity": one.severity.value,
            "success": one.success,
            "checked": one.checked,
            "unexpected": one.unexpected,
            "samples": json.dumps([dict(sample) for sample in one.samples]),
            "exception": one.exception,
        }
        for one in outcomes
    ]
    if rows:
        connection.execute(_SQL("insert_result"), rows)
    values = {"run_id": run_id, "success": success, "candles": candles}
    connection.execute(_SQL("finish_run"), values)


def select_runs(connection: Connection, run_ids: Sequence[int]) -> list[RunLine]:
    """Those of the runs that ended, the newest first."""
    rows = connection.execute(_SQL("select_runs"), {"run_ids": list(run_ids)}).mappings()
    return [RunLine(**row) for row in rows]
