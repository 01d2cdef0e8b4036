"""Runs of validation on record, and what there is to be validated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validation import Held, Outcome, ValidationScope
from candlehouse.storage.queries import load_queries

_SQL = load_queries("validation")


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


def select_series_held(connection: Connection, symbols: Sequence[str]) -> dict[Series, Span]:
    """In whole days, what is held of each series of `symbols`, of all symbols when empty."""
    rows = connection.execute(_SQL("select_series"), {"symbols": list(symbols) or None})
    return {
        Series(row.symbol, Timeframe(row.timeframe)): Span(row.held_from, row.held_to)
        for row in rows
    }


def select_watermarks(connection: Connection) -> dict[Timeframe, datetime]:
    """Exchange times up to which timeframes were validated as a whole and found good."""
    rows = connection.execute(_SQL("select_watermarks"))
    return {Timeframe(row.timeframe): row.watermark for row in rows if row.watermark is not None}


def has_run_within(connection: Connection, pause: timedelta) -> bool:
    """Whether a run over all symbols ended less than `pause` of wall time ago."""
    return bool(connection.execute(_SQL("ran_within"), {"pause": pause}).scalar_one())


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
