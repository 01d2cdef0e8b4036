"""Imports files of candles, with the writer of all other candles, and judges their gaps."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from candlehouse.core.candles.candle_rows import UNKNOWN, CandleRow
from candlehouse.core.candles.pages import CheckedPage, Page
from candlehouse.core.errors import UnfitRows, UnreadableFile
from candlehouse.core.model import Series, Source, Span
from candlehouse.exchange.files.candle_files import read_candle_file, read_each_row
from candlehouse.exchange.files.file_content import Content
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.pipelines.judging.imported_series import judge_imported
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.storage.candles.page_writer import Written
from candlehouse.storage.limits.exchange_state import select_exchange_state
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


class CandleFile(NamedTuple):
    """A file and the one series whose candles it has."""

    path: Path
    series: Series


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two files of one import that have different values for the same candles of a series.

    Attributes:
        candles: how many candles differ.
        first: open time of the first candle that differs.
    """

    series: Series
    earlier: Path
    later: Path
    candles: int
    first: datetime

    def __str__(self) -> str:
        return (
            f"{self.earlier} and {self.later} both have candles of {self.series} and differ in"
            f" {self.candles:,} of them, first at {self.first:%Y-%m-%dT%H:%MZ}"
        )


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        left_out: names of columns that are not stored, with the number of files that have them.
        problems: one sentence per file with rows that are not candles: the first problem.
        judged: candles that are missing of the series, by verdict.
    """

    files: int = 0
    written: Written = field(default_factory=Written)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    judged: JudgeReport = field(default_factory=JudgeReport)

    @property
    def stored_nothing(self) -> bool:
        """Whether no candle of the files is stored now with the values of its file."""
        written = self.written
        if written.inserted or written.corrected:
            return False
        return not written.equal or bool(written.differing)


def import_files(
    warehouse: Warehouse,
    files: Sequence[CandleFile],
    source: Source,
    grace: timedelta,
) -> ImportReport:
    """Stores files, one transaction per file, then judges what is missing of their series.

    How the candles are divided into files makes no difference. Importing the same files again
    changes nothing.

    Args:
        warehouse: to read from and to write to.
        files: where two of them differ in a candle, the later one is stored, unless it has
            fewer trades or less volume.
        source: that the candles are stored as; sets their precedence over other sources.
        grace: as in `store.store_pages`.

    Raises:
        UnreadableFile: when a file is not a file of candles; the files before it are stored and
            their gaps are judged.
    """
    work = _Import(warehouse, source, select_now(warehouse), grace)
    try:
        for file in files:
            work.store(file)
    except UnreadableFile:
        work.judge()
        raise
    work.judge()
    return work.report


class _Import:
    """One import: stores files one after the other, and remembers their ranges."""

    def __init__(
        self, warehouse: Warehouse, source: Source, now: datetime, grace: timedelta
    ) -> None:
        self._warehouse = warehouse
        self._source = source
        self._now = now
        self._grace = grace
        self._stored: dict[Series, list[tuple[Path, Span]]] = defaultdict(list)
        self.report = ImportReport()

    def store(self, file: CandleFile) -> None:
        content = self._read(file)
        try:
            written = self._write(content.page)
        except UnfitRows as error:
            _log.info("%s is stored row by row, because %s", file.path, error)
            content = self._read_each_row(file)
            written = self._write(content.page)
        self.report.written += written
        self.report.files += 1
        self._report_rejected(file, content)
        if content.page.count:
            self._compare(file, written.differing_at.get(file.series.symbol, ()))
            self._stored[file.series].append((file.path, content.page.span))

    def _read(self, file: CandleFile) -> Content[Page]:
        return read_candle_file(*file, self._source, self._now)

    def _read_each_row(self, file: CandleFile) -> Content[CheckedPage]:
        return read_each_row(*file, self._source, self._now)

    def _write(self, page: Page) -> Written:
        return store_pages(self._warehouse, [page], self._now, self._grace)

    def _report_rejected(self, file: CandleFile, content: Content[Page]) -> None:
        """Reports and logs which rows and columns of a file are not stored."""
        self.report.left_out.update(content.left_out)
        if content.page.rejected:
            rules = Counter(row.rule for row in content.page.rejected)
            counts = ", ".join(f"{rows} {rule}" for rule, rows in sorted(rules.items()))
            if content.problem:
                counts += f" (the first: {content.problem})"
                self.report.problems.append(f"{file.path}: {content.problem}")
            _log.warning("%s: rows in quarantine, by rule: %s", file.path, counts)

    def judge(self) -> None:
        brought = {
            series: Span(min(span.start for _, span in files), max(span.end for _, span in files))
            for series, files in self._stored.items()
        }
        self.report.judged = judge_imported(self._warehouse, brought, self._now)

    def _compare(self, file: CandleFile, differing: Sequence[datetime]) -> None:
        """Adds a conflict for each earlier file whose values differ from those of this file.

        Args:
            file: that was stored just now.
            differing: open times at which the file differs from what was stored before it.
        """
        values: dict[datetime, CandleRow] = {}
        for path, span in self._stored[file.series] if differing else ():
            shared = [opens for opens in differing if span.start <= opens < span.end]
            if not shared:
                continue
            values = values or _by_open_time(self._read_each_row(file).page)
            others = _by_open_time(self._read_each_row(CandleFile(path, file.series)).page)
            at = sorted(t for t in shared if t in others and _differ(others[t], values[t]))
            if at:
                conflict = Conflict(file.series, path, file.path, len(at), at[0])
                self.report.conflicts.append(conflict)


def _by_open_time(page: CheckedPage) -> dict[datetime, CandleRow]:
    return {row.opens: row for row in page.rows.parse()}


def _differ(row: CandleRow, other: CandleRow) -> bool:
    """Whether two rows of one open time differ in a number, such as 1.0 and 1.1 but not 1.10.

    Columns that one of the files lacks are not compared, nor is then the close time, which was
    computed.
    """
    if UNKNOWN in row or UNKNOWN in other:
        other = other._replace(close_time=row.close_time)
    return any(
        one != two and UNKNOWN not in (one, two) and Decimal(one) != Decimal(two)
        for one, two in zip(row.values, other.values, strict=True)
    )


def select_now(warehouse: Warehouse) -> datetime:
    """The exchange's time at its last contact; this machine's UTC time before the first one."""
    with warehouse.read() as connection:
        state = select_exchange_state(connection)
    return datetime.now(UTC) if state is None else state.exchange_time
