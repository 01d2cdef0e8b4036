"""Records of validation runs, and queries for what is to be validated."""

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
# A run that began earlier and has not finished was killed.
_LONGEST = timedelta(hours=1)
# Days per page: several windows of any timeframe, and little memory.
_PAGE = 20_000
# A change up to this long before the start of a run may have been committed after it.
_MARGIN = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A finished run.

    Attributes:
        exchange_time: the exchange's time of the validation, None before an exchange was chosen.
        expectations: number of results.
        broken: number of broken expectations, warnings included.
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
    """The extent of the stored candles per timeframe; timeframes without candles are left out.

    Args:
        connection: any.
        symbols: only these; all when empty.
    """
    rows = connection.execute(_SQL("select_held"), {"symbols": list(symbols) or None})
    return {
        Timeframe(row.timeframe): Held(row.series, Span(row.held_from, row.held_to)) for row in rows
    }


def select_series_held(
    connection: Connection, timeframe: Timeframe, symbols: Sequence[str]
) -> dict[Series, Span]:
    """The range of whole days with stored candles, per series.

    Args:
        connection: any.
        timeframe: of the series.
        symbols: only these; all when empty.
    """
    values = {"timeframe": timeframe.value, "symbols": list(symbols) or None}
    rows = connection.execute(_SQL("select_series"), values)
    return {Series(row.symbol, timeframe): Span(row.held_from, row.held_to) for row in rows}


def select_state(connection: Connection) -> ValidationState:
    """The state on which the decision to validate depends, by a short query.

    Days that a finished run has validated are not read again, so the cost does not grow with
    history; before the first run all days are read.
    """
    runs = connection.execute(_SQL("select_last_runs"), {"longest": _LONGEST}).one()
    begun = runs.finished_from
    since = EPOCH if begun is None else begun - _MARGIN
    changes = connection.execute(_SQL("select_changes"), {"since": since}).mappings().one()
    loading = is_loading(connection)
    # The query is slower, and only needed while history is loading.
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
    """One page of the days that are to be validated, by symbol and day.

    A full page ends at the end of a symbol, so that no window of this page contains days of the
    next page; only a symbol that fills a page alone is split.

    Args:
        connection: any.
        timeframe: of the candles.
        symbols: only these; all when empty.
        now: the exchange's time.
        after: the last day of the previous page, None for the first page.
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
    """Whether every day with candles was validated in its present state at `since` or later.

    Args:
        connection: any.
        since: by the exchange's clock.
    """
    return bool(connection.execute(_SQL("was_all_validated_since"), {"since": since}).scalar_one())


class ValidationSnapshot:
    """A snapshot taken before a window is read; see `open_validation_snapshot`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(
        self, run_id: int, timeframe: Timeframe, window: Window, now: datetime, passed: bool
    ) -> None:
        """Records that all days of the window were validated as they were in the snapshot.

        Args:
            run_id: of the run.
            timeframe: of the candles.
            window: that was validated.
            now: the exchange's time of the validation.
            passed: whether all critical expectations held.
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
            # Another run has recorded the same days meanwhile, which is equally valid.


@contextmanager
def open_validation_snapshot(engine: Engine) -> Iterator[ValidationSnapshot]:
    """A snapshot around a validation, so that a later change is never recorded as validated.

    The transaction sees the days' version numbers as committed before it began: for a day that
    changes during the validation it records a version that is no longer the day's. It takes no lock
    that a writer needs.
    """
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            connection.execute(_SQL("take_snapshot"))
            yield ValidationSnapshot(connection)


def insert_run(
    connection: Connection,
    scope: ValidationScope,
    timeframes: Sequence[Timeframe],
    exchange_time: datetime | None,
) -> int:
    """Records the start of a run; returns its number."""
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
    """Records the results of a run, in the caller's transaction."""
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
    """The finished ones among the given runs, the newest first."""
    rows = connection.execute(_SQL("select_runs"), {"run_ids": list(run_ids)}).mappings()
    return [RunLine(**row) for row in rows]
