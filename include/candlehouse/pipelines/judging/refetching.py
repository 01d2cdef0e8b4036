"""Requests missing candles once more from every source that may have them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.errors import UnknownSymbol
from candlehouse.core.gaps import clamp_span, subtract_spans
from candlehouse.core.judging.evidence import Answer, Check, Informant, overlay_checks
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.planning.fetch_plan import Fetch
from candlehouse.core.planning.published_files import (
    ArchiveFile,
    FileState,
    KnownFile,
    Tree,
    files_over,
)
from candlehouse.core.ports import CandleArchive, CandleSource
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.fetching.archive_fetching import ArchiveLoader
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.paging import fetch_pages
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.checks import select_checks
from candlehouse.storage.truth.loaded_files import select_files
from candlehouse.storage.warehouse import Warehouse

# How long a file is not downloaded again for a candle it lacked: old files are rarely replaced.
_STANDS_FOR = timedelta(days=30)

_ANSWERS = {FileState.MISSING: Answer.NOT_PUBLISHED, FileState.BROKEN: Answer.BROKEN}


async def refetch_missing(
    warehouse: Warehouse,
    source: CandleSource,
    series: Series,
    gap: Gap,
    now: datetime,
    options: CollectOptions,
) -> tuple[Gap, list[Check]]:
    """Requests the candles of a gap once more, and stores those that come.

    REST is asked when other series have candles of that time (verdict `no_data`). The archive
    is asked always, because no verdict may contradict a published file: files appear late, and
    may have candles that REST has lost. The verdict applies to what is not stored afterwards.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        series: that lacks the candles.
        gap: with the verdict of the witnesses, on the slot grid.
        now: the exchange's time.
        options: as for the collection; without an archive REST alone is asked.

    Returns:
        The gap with `asked_again` in its evidence, which names the sources that were asked, and
        their answers.
    """
    requested: list[Informant] = []
    checks: list[Check] = []
    if gap.verdict is Verdict.NO_DATA:
        try:
            pages = [one async for one in fetch_pages(source, series, gap.span, options.page_slots)]
            await warehouse.in_thread(store_pages, pages, now, options.grace)
        except UnknownSymbol:
            unknown = Answer.UNKNOWN_SYMBOL
            checks.append(Check(gap.span, series.symbol, Informant.REST, unknown, now))
        requested.append(Informant.REST)
    if options.archive is not None:
        found = await _ask_archive(warehouse, options.archive, series, gap.span, now, options)
        requested += [Informant.ARCHIVE] if found else []
        checks += found
    informants = {"asked_again": [informant.value for informant in requested]} if requested else {}
    return replace(gap, evidence={**gap.evidence, **informants}), checks


async def _ask_archive(
    warehouse: Warehouse,
    archive: CandleArchive,
    series: Series,
    span: Span,
    now: datetime,
    options: CollectOptions,
) -> list[Check]:
    """Loads the files that may have candles of a range, unless one of them lacked them lately.

    Monthly files serve the calendar months that lie wholly in the range, daily files the rest.
    An archive that is out of reach gives no answer.

    Returns:
        An answer per part of the range that a file lacks, or whose file is missing or broken.
    """
    for tree in Tree:
        fetches = await warehouse.read_in_thread(_plan, series, tree, span, now)
        if fetches:
            quiet = replace(options, progress=None)
            await ArchiveLoader(warehouse, archive, now, quiet, CollectReport()).run(fetches)
    return await warehouse.read_in_thread(_select_answers, series, span)


def select_lacking_in_files(
    warehouse: Warehouse, series: Series, span: Span, now: datetime
) -> list[Span]:
    """The parts of a range that published files were found to lack in the last 30 days.

    Args:
        warehouse: to read from.
        series: that lacks candles.
        span: on the slot grid.
        now: the exchange's time.
    """
    with warehouse.read() as connection:
        return _select_lately_lacking(connection, series, span, now)


def _plan(
    connection: Connection, series: Series, tree: Tree, span: Span, now: datetime
) -> list[Fetch]:
    held = select_held(connection, series.timeframe, {series.symbol: span})
    lacking = _select_lately_lacking(connection, series, span, now)
    known = _select_known(connection, series, span)
    rest = subtract_spans([span], [*held.get(series.symbol, []), *lacking])
    files = dict.fromkeys(file for part in rest for file in files_over(series, tree, part))
    return [
        Fetch(series, part, Source.ARCHIVE, file)
        for file in files
        if _may_answer(file, known.get(file), span, now)
        and (part := clamp_span(file.span, span)) is not None
    ]


def _may_answer(file: ArchiveFile, known: KnownFile | None, span: Span, now: datetime) -> bool:
    if VENUE.archive.expected_at(file) > now:
        return False
    if file.tree is Tree.MONTHLY and clamp_span(file.span, span) != file.span:
        return False
    if known is None or known.state is FileState.LOADED:
        return True
    return known.is_due(now, VENUE.archive)


def _select_answers(connection: Connection, series: Series, span: Span) -> list[Check]:
    lacking = _select_lacking(connection, series, span)
    known = _select_known(connection, series, span)
    unanswered = subtract_spans([span], [check.span for check in lacking])
    # Answers of daily files come last and win: a smaller file is more specific.
    refused = [
        Check(part, series.symbol, Informant.ARCHIVE, _ANSWERS[one.state], one.checked_at)
        for one in sorted(known.values(), key=lambda one: one.file.tree is Tree.DAILY)
        if one.state in _ANSWERS
        for hole in unanswered
        if (part := clamp_span(hole, one.file.span))
    ]
    return overlay_checks(series.symbol, lacking, refused)


def _select_lately_lacking(
    connection: Connection, series: Series, span: Span, now: datetime
) -> list[Span]:
    return [
        check.span
        for check in _select_lacking(connection, series, span)
        if check.asked_at + _STANDS_FOR > now
    ]


def _select_lacking(connection: Connection, series: Series, span: Span) -> list[Check]:
    """Parts of the range that loaded files were found to lack."""
    requested = {series.symbol: span}
    found = select_checks(connection, series.timeframe, requested, of_others=False)
    return [
        replace(check, span=part)
        for check in found.get(series.symbol, [])
        if check.informant is Informant.ARCHIVE
        and check.answer is Answer.NOTHING
        and (part := clamp_span(check.span, span))
    ]


def _select_known(
    connection: Connection, series: Series, span: Span
) -> dict[ArchiveFile, KnownFile]:
    return select_files(connection, series.timeframe, [series.symbol], span)
