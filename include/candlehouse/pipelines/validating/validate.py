"""Validates stored candles: plans windows, evaluates expectations in them, records the results.

The database evaluates the expectations; memory here does not grow with the number of candles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from candlehouse.core.errors import ExpectationsBroken
from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import (
    END,
    PAGES,
    Outcome,
    Reach,
    StoredDay,
    ValidationScope,
    Window,
    find_reach,
    gather_windows,
    merge_outcomes,
    plan_windows,
)
from candlehouse.pipelines.validating.flagging import FlagReport, flag_candles
from candlehouse.storage.truth.validation_runs import (
    RunLine,
    finish_run,
    insert_run,
    open_validation_snapshot,
    select_exchange_time,
    select_extents,
    select_runs,
    select_series_held,
    select_unvalidated,
)
from candlehouse.storage.warehouse import Warehouse
from candlehouse.validation.docs import find_pages, format_moment, write_index, write_run
from candlehouse.validation.runner import SAMPLES, Runner, open_runners
from candlehouse.validation.suites import (
    Batch,
    common_batches,
    timeframe_batches,
    window_batches,
)

_CANDLES = "candles"
# Windows that are validated in parallel. The database does the work, on one core per window.
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What a validation run found.

    Attributes:
        run_id: key in `market.validation_runs`.
        exchange_time: the exchange's time that everything was judged by; None when no exchange
            was chosen yet, and nothing was validated.
        candles: number of candles that were validated.
        flags: flags of these candles, and how many candles changed their flags.
        outcomes: one per expectation.
        page: HTML page of the run, in a folder with the pages of earlier runs.
    """

    run_id: int
    exchange_time: datetime | None
    candles: int = 0
    flags: FlagReport = field(default_factory=FlagReport)
    outcomes: list[Outcome] = field(default_factory=list)
    page: Path | None = None

    @property
    def success(self) -> bool:
        """Whether no expectation of severity `critical` is broken; warnings do not count."""
        return not any(outcome.fails_run for outcome in self.outcomes)


class _Seen(NamedTuple):
    """Result of one window."""

    candles: int
    flags: FlagReport
    outcomes: list[Outcome]


class _Run:
    """One run: validates windows in parallel, and records each window when it is done."""

    def __init__(
        self,
        warehouse: Warehouse,
        scope: ValidationScope,
        run_id: int,
        now: datetime,
        runners: Sequence[Runner],
    ) -> None:
        self._warehouse = warehouse
        self._scope = scope
        self._run_id = run_id
        self._now = now
        self._first_runner = runners[0]
        self._idle: SimpleQueue[Runner] = SimpleQueue()
        self._workers = len(runners)
        for runner in runners:
            self._idle.put(runner)
        self.candles = 0
        self.flags = FlagReport()
        self.outcomes: list[Outcome] = []

    def look_at(self, timeframes: Sequence[Timeframe]) -> None:
        """Validates everything in the scope of some timeframes, several windows in parallel."""
        reach = find_reach(self._scope)
        for timeframe in timeframes:
            for batch in timeframe_batches(timeframe):
                self._note(self._ask(self._first_runner, batch, self._scope.symbols, reach))
        windows = ((one, window) for one in timeframes for window in self._windows(one, reach))
        under_way: deque[Future[_Seen]] = deque()
        with ThreadPoolExecutor(self._workers, "validating") as pool:
            try:
                for timeframe, window in windows:
                    under_way.append(pool.submit(self._look_at_window, timeframe, window))
                    if len(under_way) > self._workers:
                        self._add(under_way.popleft().result())
                while under_way:
                    self._add(under_way.popleft().result())
            finally:
                for one in under_way:
                    one.cancel()

    def _add(self, seen: _Seen) -> None:
        self.candles += seen.candles
        self.flags += seen.flags
        self._note(seen.outcomes)

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = merge_outcomes([*self.outcomes, *outcomes], SAMPLES)

    def look_at_rest(self) -> None:
        """Evaluates the expectations that concern no timeframe, such as those of the universe."""
        for batch in common_batches():
            span = Span(find_reach(self._scope).start, END)
            self._note(self._ask(self._first_runner, batch, self._scope.symbols, span))

    def _windows(self, timeframe: Timeframe, reach: Span) -> Iterator[Window]:
        symbols = self._scope.symbols
        if self._scope.reach is not Reach.NEW:
            with self._warehouse.read() as connection:
                held = select_extents(connection, symbols).get(timeframe)
            yield from plan_windows(timeframe, symbols, reach, held)
            return
        last = None
        while days := self._select_unvalidated(timeframe, last):
            last = days[-1]
            yield from gather_windows(timeframe, days)

    def _select_unvalidated(self, timeframe: Timeframe, last: StoredDay | None) -> list[StoredDay]:
        with self._warehouse.read() as connection:
            return select_unvalidated(connection, timeframe, self._scope.symbols, self._now, last)

    def _look_at_window(self, timeframe: Timeframe, window: Window) -> _Seen:
        runner = self._idle.get()
        try:
            with open_validation_snapshot(self._warehouse.engine) as look:
                flags = self._flag(timeframe, window)
                outcomes: list[Outcome] = []
                candles = 0
                for batch in window_batches(timeframe):
                    found = self._ask(runner, batch, window.symbols, window.span)
                    outcomes += found
                    candles += found[0].checked if batch.query == _CANDLES else 0
                passed = not any(outcome.fails_run for outcome in outcomes)
                look.record(self._run_id, timeframe, window, self._now, passed)
            return _Seen(candles, flags, outcomes)
        finally:
            self._idle.put(runner)

    def _flag(self, timeframe: Timeframe, window: Window) -> FlagReport:
        with self._warehouse.read() as connection:
            held = select_series_held(connection, timeframe, window.symbols)
        parts = {one: clamp_span(span, window.span) for one, span in held.items()}
        requested = {one: part for one, part in parts.items() if part}
        return flag_candles(self._warehouse, requested, self._now)

    def _ask(
        self, runner: Runner, batch: Batch, symbols: tuple[str, ...], span: Span
    ) -> list[Outcome]:
        values: dict[str, object] = {
            "start": span.start, "end": span.end, "now": self._now, "symbols": symbols or None,
        }  # fmt: skip
        if batch.timeframe is not None:
            values |= {"timeframe": batch.timeframe.value, "length": batch.timeframe.length}
        return runner.run(batch, values)


def validate(
    warehouse: Warehouse,
    scope: ValidationScope,
) -> ValidationReport:
    """Sets the flags that depend on neighbours, and evaluates every expectation.

    The database evaluates one window at a time; this process keeps one line per expectation,
    however many candles there are. A run that is killed has recorded the windows that it had
    finished, and the next run continues with the others.

    Args:
        warehouse: whose settings say which timeframes are collected, and where the pages go.
        scope: what to validate.
    """
    with warehouse.write() as connection:
        now = select_exchange_time(connection)
        extents = select_extents(connection, scope.symbols)
        timeframes = scope.timeframes or tuple(
            one for one in Timeframe if one in extents or one in warehouse.settings.kept_timeframes
        )
        run_id = insert_run(connection, scope, timeframes, now)
    report = ValidationReport(run_id, now)
    if now is not None:
        with open_runners(warehouse.engine, _WORKERS) as runners:
            run = _Run(warehouse, scope, run_id, now, runners)
            run.look_at(timeframes)
            run.look_at_rest()
        report = ValidationReport(run_id, now, run.candles, run.flags, run.outcomes)
    with warehouse.write() as connection:
        finish_run(connection, run_id, report.outcomes, report.success, report.candles)
    return _document(warehouse, report)


def require_success(report: ValidationReport) -> None:
    """Checks that no expectation is broken; warnings pass.

    Raises:
        ExpectationsBroken: naming each broken expectation and the first rows.
    """
    if not report.success:
        broken = [outcome for outcome in report.outcomes if outcome.fails_run]
        untold = all(outcome.exception is not None for outcome in broken)
        raise ExpectationsBroken(report.run_id, list(map(str, broken)), retryable=untold)


def _document(warehouse: Warehouse, report: ValidationReport) -> ValidationReport:
    folder = warehouse.settings.home / PAGES
    with warehouse.read() as connection:
        (line,) = select_runs(connection, [report.run_id])
    facts = {
        "result": _result(line),
        "reach": line.reach,
        "exchange's clock": format_moment(line.exchange_time) or "no exchange yet",
        "candles": f"{line.candles:,}",
        "began": format_moment(line.started_at),
        "took": f"{(line.finished_at - line.started_at).total_seconds():.1f} s",
    }
    page = write_run(folder, report.run_id, facts, report.outcomes)
    with warehouse.read() as connection:
        lines = select_runs(connection, find_pages(folder))
    write_index(folder, [_cells(line) for line in lines])
    return replace(report, page=page)


def _cells(line: RunLine) -> dict[str, object]:
    return {
        "run": line.run_id,
        "result": _result(line),
        "ended": format_moment(line.finished_at),
        "reach": line.reach,
        "candles": f"{line.candles:,}",
        "expectations": line.expectations,
        "not held": line.broken,
    }


def _result(line: RunLine) -> str:
    return "good" if line.success else "broken"
