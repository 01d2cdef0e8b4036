"""Compares stored candles with REST and with the published files, and corrects them.

REST comes first, then the files, which take precedence. Where a file changed or added a candle,
REST is asked once more under a run number of its own, so that its version is compared with the
candle that is stored now, and candles that REST lacks are listed. Running a reconciliation again
finds nothing new.

Storing a page compares, corrects and records (`storage.candles.page_writer`); this module chooses
the pages and adds up the figures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.errors import RateLimited, ReconciliationIncomplete
from candlehouse.core.gaps import clamp_span
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.fetch_plan import Fetch
from candlehouse.core.planning.published_files import ArchiveFile, FileState, Tree
from candlehouse.core.ports import CandleArchive, CandleSource
from candlehouse.core.reconciling.agreement import choose_days, is_late
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.collecting.file_recheck import compare_checksums
from candlehouse.pipelines.fetching.archive_fetching import ArchiveLoader
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.rest_fetching import RestLoader
from candlehouse.pipelines.reconciling.reconcile_plan import plan_files, plan_rest
from candlehouse.storage.candles.held_slots import select_slots
from candlehouse.storage.candles.page_writer import Written
from candlehouse.storage.completeness.series import select_last_held
from candlehouse.storage.truth.agreement import Total, next_run, select_restated, select_totals
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

REST = "REST"
ARCHIVE = "the archive"


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """How to reconcile.

    Attributes:
        collect: how to fetch and store; without an archive REST alone is compared.
        reload: load files again even if neither they nor the stored candles have changed since
            they were compared.
    """

    collect: CollectOptions = field(default_factory=CollectOptions)
    reload: bool = False


@dataclass(slots=True)
class ReconcileReport:
    """What a reconciliation did.

    Attributes:
        run: number of this run in `market.reconciliations`.
        totals: figures of the run, summed per source and stored source.
        written: what was inserted, corrected, refused and quarantined.
        files: how many files were loaded.
        unchanged: how many files were compared before and have not changed since.
        requests: how many REST requests were answered.
        awaited: files that are not published yet and not late either.
        left: stored series of symbols that REST does not know any more.
        failures: the reason for each series, file or source that could not be compared.
        gate: the refusal with which REST closed its gate; None while REST was open.
    """

    run: int
    totals: Sequence[Total] = ()
    written: Written = field(default_factory=Written)
    files: int = 0
    unchanged: int = 0
    requests: int = 0
    awaited: list[ArchiveFile] = field(default_factory=list)
    left: list[Series] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    gate: RateLimited | None = None


async def reconcile(
    warehouse: Warehouse,
    source: CandleSource | None,
    requested: Mapping[Series, Span],
    now: datetime,
    options: ReconcileOptions,
) -> ReconcileReport:
    """Compares the requested ranges with every source, corrects them, and records the figures.

    A series, file or source that fails is in the report and does not stop the others.

    Args:
        warehouse: to read from and to write to.
        source: the REST client; None when REST is out of reach.
        requested: one half-open range per series, on the slot grid, of candles that closed longer
            than CLOSE_GRACE ago.
        now: the exchange's time.
        options: how.

    Raises:
        DatabaseUnavailable: the results of earlier pages and files are stored.
        WrongExchange: another exchange answers; earlier results are stored.
    """
    run = await warehouse.write_in_thread(next_run)
    work = _Reconciliation(warehouse, requested, now, options, ReconcileReport(run))
    if source is not None:
        spans = {series: [span] for series, span in requested.items()}
        await work.ask_rest(source, plan_rest(spans, options.collect.page_slots), run)
    if options.collect.archive is not None:
        await work.read_files(options.collect.archive)
        restated = await warehouse.read_in_thread(select_restated, run)
        again = {one: spans for one, spans in restated.items() if one not in work.unanswered}
        if source is not None and again:
            pages = plan_rest(again, options.collect.page_slots)
            await work.ask_rest(source, pages, await warehouse.write_in_thread(next_run))
    work.report.totals = await warehouse.read_in_thread(select_totals, run)
    return work.report


def require_reconciled(report: ReconcileReport) -> None:
    """Checks that everything could be compared.

    Raises:
        ReconciliationIncomplete: naming each series, file or source and its failure.
    """
    if report.failures:
        raise ReconciliationIncomplete(report.failures)


class _Reconciliation:
    """One reconciliation: compares with REST and with files, and adds to one report."""

    def __init__(
        self,
        warehouse: Warehouse,
        requested: Mapping[Series, Span],
        now: datetime,
        options: ReconcileOptions,
        report: ReconcileReport,
    ) -> None:
        self._warehouse = warehouse
        self._asked = requested
        self._now = now
        self._options = options
        self.report = report
        # Series that REST has not answered for.
        self.unanswered: set[Series] = set()

    async def ask_rest(self, source: CandleSource, pages: Sequence[Fetch], run: int) -> None:
        """Compares pages with REST, and records the figures under a run number."""
        if self.report.gate is not None:
            return
        done = CollectReport()
        loader = RestLoader(self._warehouse, source, self._now, self._collecting(run), done)
        try:
            await loader.run(pages)
        except RateLimited as error:
            # The gate closes REST alone: files cost no weight.
            self.report.gate = error
            self.report.failures[REST] = str(error)
        self._add(done)
        held = await self._warehouse.in_thread(_select_held, done.unknown)
        self.unanswered |= done.failures.keys()
        for series, why in done.failures.items():
            if series in held:
                _log.info("REST does not know %s any more: it is compared with files alone", series)
                self.report.left.append(series)
            else:
                self.report.failures[str(series)] = why

    async def read_files(self, archive: CandleArchive) -> None:
        """Compares with the published files; daily files stand in for a missing monthly one."""
        plan = await self._warehouse.in_thread(
            plan_files, self._asked, self._now, self._options.reload
        )
        checked = await compare_checksums(self._warehouse, archive, plan.settled, self._now)
        self.report.unchanged = len(checked.unchanged)
        for file, why in checked.problems.items():
            self.report.failures[str(file)] = why
        if checked.closed is not None:
            self.report.failures[ARCHIVE] = str(checked.closed)
            return
        replaced = [self._fetch(file) for file in checked.replaced]
        missing = await self._load(archive, [*plan.fetches, *replaced])
        days = [
            fetch
            for month in missing
            if month.file is not None and month.file.tree is Tree.MONTHLY
            for file in choose_days(month.series, month.span, self._now, VENUE.archive)
            if (fetch := self._fetch(file))
        ]
        missing = [f for f in missing if f.file is not None and f.file.tree is Tree.DAILY]
        missing += await self._load(archive, days)
        await self._warehouse.read_in_thread(self._note_missing, missing)

    async def _load(self, archive: CandleArchive, fetches: Sequence[Fetch]) -> list[Fetch]:
        """Loads files.

        Returns:
            Those that are not published.
        """
        if not fetches or ARCHIVE in self.report.failures:
            return []
        done = CollectReport()
        options = self._collecting(self.report.run)
        loader = ArchiveLoader(self._warehouse, archive, self._now, options, done)
        await loader.run(fetches)
        self._add(done)
        if loader.closed is not None:
            self.report.failures[ARCHIVE] = str(loader.closed)
        for failure in loader.failures:
            if failure.state is FileState.BROKEN:
                self.report.failures[str(failure.fetch.file)] = failure.problem
        return [one.fetch for one in loader.failures if one.state is FileState.MISSING]

    def _note_missing(self, connection: Connection, missing: Sequence[Fetch]) -> None:
        for fetch in missing:
            file = fetch.file
            assert file is not None
            if not is_late(file, self._now, VENUE.archive):
                self.report.awaited.append(file)
            # For days without any trade no file is published.
            elif select_slots(
                connection, fetch.series.timeframe, [(fetch.series.symbol, fetch.span)]
            ):
                self.report.failures[str(file)] = "it is late: it is not published yet"

    def _fetch(self, file: ArchiveFile) -> Fetch:
        span = clamp_span(file.span, self._asked[file.series])
        assert span is not None
        return Fetch(file.series, span, Source.ARCHIVE, file)

    def _collecting(self, run: int) -> CollectOptions:
        options = self._options.collect
        return CollectOptions(
            options.page_slots, options.grace, options.progress, confirm={}, run=run
        )

    def _add(self, done: CollectReport) -> None:
        self.report.written += done.written
        self.report.files += done.files
        self.report.requests += done.requests


def _select_held(warehouse: Warehouse, requested: set[Series]) -> set[Series]:
    """The series that have stored candles."""
    if not requested:
        return set()
    with warehouse.read() as connection:
        return {series for series in requested if select_last_held(connection, series) is not None}
