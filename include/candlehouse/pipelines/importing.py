"""Imports files of candles: stored by the same writer as all others, their holes explained."""

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
from candlehouse.exchange.files.candle_files import Content, read_candle_file, read_each_row
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.pipelines.judging.imported_series import judge_imported
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.storage.candles.page_writer import Written
from candlehouse.storage.limits.exchange_state import select_exchange_state
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


class CandleFile(NamedTuple):
    """A file and the series that it is of."""

    path: Path
    series: Series


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two files of one import that have other values for the same candles of a series.

    Attributes:
        candles: how many.
        first: when the first of them opens.
    """

    series: Series
    earlier: Path
    later: Path
    candles: int
    first: datetime

    def __str__(self) -> str:
        return (
            f"{self.earlier} and {self.later} both claim to be {self.series} and differ in"
            f" {self.candles:,} candles, first at {self.first:%Y-%m-%dT%H:%MZ}"
        )


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        left_out: in how many files there is a column of that name that was not stored.
        problems: what was not understood, for each file with rows that are no candles.
        judged: what is missing of the series, by verdict.
    """

    files: int = 0
    written: Written = field(default_factory=Written)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    judged: JudgeReport = field(default_factory=JudgeReport)

    @property
    def stored_nothing(self) -> bool:
        """Whether nothing was stored that was not stored before, with the same values."""
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
    """Stores files, a transaction each, then judges what is missing of their series.

    How the candles are divided into files makes no difference. Running it again changes
    nothing.

    Args:
        warehouse: to read from and to write to.
        files: where two of them differ in a candle, the later one is stored, unless it has
            fewer trades or less volume.
        source: that their candles count as.
        grace: as in `store.store_pages`.

    Raises:
        UnreadableFile: when one is no file of candles; those before it are stored, and what
            is missing of them is judged.
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
    """What was stored so far."""

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
            _log.info("looking at each row of %s: %s", file.path, error)
            content = self._read_each_row(file)
            written = self._write(content.page)
        self.report.written += written
        self.report.files += 1
        self._tell(file, content)
        if content.page.count:
            self._compare(file, written.differing_at.get(file.series.symbol, ()))
            self._stored[file.series].append((file.path, content.page.span))

    def _read(self, file: CandleFile) -> Content[Page]:
        return read_candle_file(*file, self._source, self._now)

    def _read_each_row(self, file: CandleFile) -> Content[CheckedPage]:
        return read_each_row(*file, self._source, self._now)

    def _write(self, page: Page) -> Written:
        return store_pages(self._warehouse, [page], self._now, self._grace)

    def _tell(self, file: CandleFile, content: Content[Page]) -> None:
        """Says what of a file is not stored."""
        self.report.left_out.update(content.left_out)
        if content.page.rejected:
            rules = Counter(row.rule for row in content.page.rejected)
            told = ", ".join(f"{rows} {rule}" for rule, rows in sorted(rules.items()))
            if content.problem:
                told += f" (the first: {content.problem})"
                self.report.problems.append(f"{file.path}: {content.problem}")
            _log.warning("%s: not stored, and in quarantine: %s", file.path, told)

    def judge(self) -> None:
        brought = {
            series: Span(min(span.start for _, span in files), max(span.end for _, span in files))
            for series, files in self._stored.items()
        }
        self.report.judged = judge_imported(self._warehouse, brought, self._now)

    def _compare(self, file: CandleFile, differing: Sequence[datetime]) -> None:
        """Notes which earlier files have other values where the stored ones differed."""
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
    """Whether two rows of one open time have other values, however these are written.

    A row that does not have all columns is made to close as usual, which is no value of it.
    """
    if UNKNOWN in row or UNKNOWN in other:
        other = other._replace(close_time=row.close_time)
    return any(
        one != two and UNKNOWN not in (one, two) and Decimal(one) != Decimal(two)
        for one, two in zip(row.values, other.values, strict=True)
    )


def select_now(warehouse: Warehouse) -> datetime:
    """The exchange's time as last seen; this machine's while no exchange has been seen."""
    with warehouse.read() as connection:
        state = select_exchange_state(connection)
    return datetime.now(UTC) if state is None else state.exchange_time
