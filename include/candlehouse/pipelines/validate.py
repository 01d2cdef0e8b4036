"""Validates what is stored: plans windows, has the server look at them, keeps what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from candlehouse.core.errors import ExpectationsBroken
from candlehouse.core.gaps import clamp_span
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validation import (
    ALWAYS,
    PAGES,
    Held,
    Outcome,
    ValidationScope,
    find_reach,
    merge_outcomes,
    plan_windows,
)
from candlehouse.pipelines.flagging import FlagReport, flag_candles
from candlehouse.settings import Settings
from candlehouse.storage.validation import (
    RunLine,
    finish_run,
    insert_run,
    select_exchange_time,
    select_extents,
    select_runs,
    select_series_held,
    select_watermarks,
)
from candlehouse.validation.docs import find_pages, tell_moment, write_index, write_run
from candlehouse.validation.runner import SAMPLES, open_runner
from candlehouse.validation.suites import (
    Batch,
    common_batches,
    timeframe_batches,
    window_batches,
)

_CANDLES = "candles"


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What a run found.

    Attributes:
        run_id: in `market.validation_runs`.
        exchange_time: by which all was judged; None, and nothing was, before an exchange
            was chosen.
        candles: rows of candles that were looked at.
        outcomes: one an expectation.
        page: of the run, in a folder with those of earlier ones.
    """

    run_id: int
    exchange_time: datetime | None
    candles: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    page: Path | None = None

    @property
    def success(self) -> bool:
        """Whether the run passes: what only warns does not count."""
        return not any(outcome.fails_run for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Batches with the parameters of their blocks, in the order of evaluation."""

    now: datetime
    symbols: tuple[str, ...]
    extents: Mapping[Timeframe, Held]
    watermarks: Mapping[Timeframe, datetime]

    def steps(
        self, scope: ValidationScope, timeframes: tuple[Timeframe, ...]
    ) -> Iterator[tuple[Batch, dict[str, object]]]:
        spans = {one: find_reach(scope, self.watermarks.get(one)) for one in timeframes}
        for timeframe, span in spans.items():
            for batch in timeframe_batches(timeframe):
                yield batch, self._values(timeframe, span.start, span.end)
            for window in plan_windows(timeframe, span, self.extents.get(timeframe)):
                for batch in window_batches(timeframe):
                    yield batch, self._values(timeframe, window.start, window.end)
        start = min((span.start for span in spans.values()), default=ALWAYS.start)
        for batch in common_batches():
            yield batch, self._values(None, start, ALWAYS.end)

    def _values(
        self, timeframe: Timeframe | None, start: datetime, end: datetime
    ) -> dict[str, object]:
        values: dict[str, object] = {
            "start": start, "end": end, "now": self.now, "symbols": self.symbols or None,
        }  # fmt: skip
        if timeframe is not None:
            values |= {"timeframe": timeframe.value, "length": timeframe.length}
        return values


def flag_reached(engine: Engine, scope: ValidationScope) -> FlagReport:
    """Gives candles the flags that their neighbours tell, in what a scope reaches.

    Nothing is done before an exchange was chosen, for its clock says what has closed.
    """
    with engine.connect() as connection:
        now = select_exchange_time(connection)
        watermarks = select_watermarks(connection)
        held = select_series_held(connection, scope.symbols)
    reached = {
        series: part
        for series, span in held.items()
        if (not scope.timeframes or series.timeframe in scope.timeframes)
        and (part := clamp_span(span, find_reach(scope, watermarks.get(series.timeframe))))
    }
    return FlagReport() if now is None else flag_candles(engine, reached, now)


def validate(
    settings: Settings,
    engine: Engine,
    scope: ValidationScope,
) -> ValidationReport:
    """Evaluates every expectation on what a scope reaches, and keeps the results.

    The server does the looking, a window at a time; what is kept here meanwhile is a line
    an expectation, however many candles there are.

    Args:
        settings: which timeframes are collected, and where the pages go.
        engine: of the warehouse.
        scope: what to validate.
    """
    with engine.begin() as connection:
        now = select_exchange_time(connection)
        extents = select_extents(connection, scope.symbols)
        plan = None if now is None else _Plan(
            now, scope.symbols, extents, select_watermarks(connection)
        )  # fmt: skip
        timeframes = scope.timeframes or tuple(
            one for one in Timeframe if one in extents or one in settings.kept_timeframes
        )
        run_id = insert_run(connection, scope, timeframes, now)
    found: list[Outcome] = []
    candles = 0
    if plan is not None:
        with open_runner(engine) as runner:
            for batch, values in plan.steps(scope, timeframes):
                outcomes = runner.run(batch, values)
                if batch.query == _CANDLES:
                    candles += outcomes[0].checked
                found = merge_outcomes([*found, *outcomes], SAMPLES)
    report = ValidationReport(run_id, now, candles, found)
    with engine.begin() as connection:
        finish_run(connection, run_id, found, report.success, candles)
    return _document(settings, engine, report)


def require_success(report: ValidationReport) -> None:
    """Raises for what is not as it must be.

    Raises:
        ExpectationsBroken: naming each expectation and the first rows.
    """
    if not report.success:
        broken = [outcome for outcome in report.outcomes if outcome.fails_run]
        untold = all(outcome.exception is not None for outcome in broken)
        raise ExpectationsBroken(report.run_id, list(map(str, broken)), retryable=untold)


def _document(settings: Settings, engine: Engine, report: ValidationReport) -> ValidationReport:
    folder = settings.home / PAGES
    with engine.connect() as connection:
        (line,) = select_runs(connection, [report.run_id])
    facts = {
        "result": _result(line),
        "reach": line.reach,
        "exchange's clock": tell_moment(line.exchange_time) or "no exchange yet",
        "candles": f"{line.candles:,}",
        "began": tell_moment(line.started_at),
        "took": f"{(line.finished_at - line.started_at).total_seconds():.1f} s",
    }
    page = write_run(folder, report.run_id, facts, report.outcomes)
    with engine.connect() as connection:
        lines = select_runs(connection, find_pages(folder))
    write_index(folder, [_cells(line) for line in lines])
    return replace(report, page=page)


def _cells(line: RunLine) -> dict[str, object]:
    return {
        "run": line.run_id,
        "result": _result(line),
        "ended": tell_moment(line.finished_at),
        "reach": line.reach,
        "candles": f"{line.candles:,}",
        "expectations": line.expectations,
        "not held": line.broken,
    }


def _result(line: RunLine) -> str:
    return "good" if line.success else "broken"
