"""Stores fetched pages, and records requested slots without a candle as gaps.

Candles, counts per day, filled gaps and new gaps share one transaction, so a process may be
killed at any moment without leaving an inconsistent state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.candles.pages import Page
from candlehouse.core.gaps import clamp_span, count_slots, intersect_spans, subtract_spans
from candlehouse.core.judging.evidence import Answer, Check, Informant
from candlehouse.core.model import Excuse, Gap, Series, Source, Span, Verdict
from candlehouse.core.timeframe import EPOCH
from candlehouse.pipelines.fetching.comparison import Comparison
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.candles.page_writer import Written, batch_pages, lock_series, write_candles
from candlehouse.storage.completeness.checks import record_checks
from candlehouse.storage.completeness.gaps import fill_gaps, record_gaps, select_gaps
from candlehouse.storage.database.transactions import run_transaction
from candlehouse.storage.truth.confirmations import Confirmation, record_confirmations
from candlehouse.storage.warehouse import Warehouse

# Sources whose missing rows are evidence; nothing is requested from a stream.
_INFORMANTS = {Source.REST: Informant.REST, Source.ARCHIVE: Informant.ARCHIVE}


def store_pages(
    warehouse: Warehouse,
    pages: Sequence[Page],
    now: datetime,
    grace: timedelta,
    *,
    confirming: bool = False,
    run: int | None = None,
) -> Written:
    """Stores pages, one transaction per timeframe.

    Args:
        warehouse: to read from and to write to.
        pages: answers of any series; their spans are disjoint within a series.
        now: the exchange's time.
        grace: slots that closed less than this ago may still be late and are no gaps.
        confirming: record in `market.confirmations` that stored candles were compared.
        run: number of a reconciliation run whose figures are recorded; None for none.
    """
    written = Written()
    for group in batch_pages(pages):

        def store(connection: Connection, group: Sequence[Page] = group) -> Written:
            lock_series(connection, (page.series for page in group))
            return store_group(connection, group, now, grace, confirming=confirming, run=run)

        written += run_transaction(warehouse.write, store)
    return written


def store_group(
    connection: Connection,
    pages: Sequence[Page],
    now: datetime,
    grace: timedelta,
    *,
    confirming: bool = False,
    run: int | None = None,
    replaced: bool = False,
) -> Written:
    """Stores one group of `batch_pages`, in the caller's transaction.

    The caller holds the locks of the series. Arguments are as in `store_pages`.

    Args:
        connection: in the caller's transaction.
        pages: of one group, never empty.
        now: the exchange's time.
        grace: as in `store_pages`.
        confirming: as in `store_pages`.
        run: as in `store_pages`.
        replaced: whether the pages are of files that have replaced loaded ones.
    """
    comparison = None if run is None else Comparison(connection, run, pages)
    excuse = Excuse.REPLACED_FILE if replaced else Excuse.RECONCILED if run is not None else None
    stored = write_candles(connection, pages, excuse)
    if comparison is not None:
        comparison.record(stored, now)
    _settle_gaps(connection, pages, stored, now, grace)
    if confirming:
        record_confirmations(connection, _compared(pages, stored), now)
    return stored


def note_forgotten(
    warehouse: Warehouse, series: Series, span: Span, now: datetime, grace: timedelta
) -> None:
    """Records gaps in a range of a symbol that REST no longer knows, to be judged later.

    Args:
        warehouse: to read from and to write to.
        series: that was requested.
        span: that was requested; slots without a stored candle become gaps.
        now: the exchange's time.
        grace: as for `store_pages`.
    """
    symbol, timeframe = series
    requested = clamp_span(span, Span(EPOCH, timeframe.floor(now - grace)))
    if requested is None:
        return

    def note(connection: Connection) -> None:
        lock_series(connection, [series])
        known = select_gaps(connection, timeframe, [(symbol, requested)]).get(symbol, [])
        held = select_held(connection, timeframe, {symbol: requested}, settled=False)
        slots = held.get(symbol, [])
        missing = _find_unanswered(requested, slots, known, now)
        record_gaps(connection, timeframe, {symbol: missing}, now)
        checks = [
            Check(hole, symbol, Informant.REST, Answer.UNKNOWN_SYMBOL, now)
            for hole in subtract_spans([requested], slots)
        ]
        record_checks(connection, timeframe, {symbol: checks})

    run_transaction(warehouse.write, note)


def _compared(pages: Sequence[Page], stored: Written) -> list[Confirmation]:
    """How far each page agrees with the candles that were stored before it.

    Counts are known per symbol: they go to the first page of the symbol with any row.
    """
    counted: set[str] = set()
    equal, differing = dict(stored.equal), stored.differing
    confirmations = []
    for page in pages:
        symbol = page.series.symbol
        if page.count == 0:
            continue
        others = differing.pop(symbol, 0)
        candles = equal.pop(symbol, 0) + others
        if candles or symbol in counted:
            counted.add(symbol)
            span = _answered_span(page)
            confirmations.append(Confirmation(page.series, span, page.source, candles, others))
    return confirmations


def _answered_span(page: Page) -> Span:
    """The page's span, cut after its last row: newer candles may be stored but not in it."""
    timeframe = page.series.timeframe
    last = page.rows.last_open_time
    if last is None or page.count >= count_slots([page.span], timeframe):
        return page.span
    end = timeframe.floor(last) + timeframe.length
    return Span(page.span.start, min(end, page.span.end))


def _settle_gaps(
    connection: Connection, pages: Sequence[Page], stored: Written, now: datetime, grace: timedelta
) -> None:
    timeframe = pages[0].series.timeframe
    answered = [(page.series.symbol, page.span) for page in pages]
    known = select_gaps(connection, timeframe, answered)
    unclear = [
        (page.source, symbol, span)
        for page, (symbol, span) in zip(pages, answered, strict=True)
        if symbol in known
        or symbol in stored.uneven
        or page.count < count_slots([page.span], timeframe)
    ]
    if not unclear:
        return
    # Computed from the candles: the gaps are about to be changed.
    held = select_held(
        connection, timeframe, _hulls((symbol, span) for _, symbol, span in unclear), settled=False
    )
    filled: dict[str, list[Span]] = {}
    missing: dict[str, list[Gap]] = defaultdict(list)
    checks: dict[str, list[Check]] = defaultdict(list)
    settled = Span(EPOCH, timeframe.floor(now - grace))
    for source, symbol, span in unclear:
        gaps = known.get(symbol, [])
        slots = held.get(symbol, [])
        if taken := intersect_spans([gap.span for gap in gaps], slots):
            filled[symbol] = taken
        if requested := clamp_span(span, settled):
            missing[symbol].extend(_find_unanswered(requested, slots, gaps, now))
            if source in _INFORMANTS:
                checks[symbol].extend(
                    Check(hole, symbol, _INFORMANTS[source], Answer.NOTHING, now)
                    for hole in subtract_spans([requested], slots)
                )
    fill_gaps(connection, timeframe, filled, now)
    record_gaps(connection, timeframe, missing, now)
    record_checks(connection, timeframe, checks)


def _hulls(ranges: Iterable[tuple[str, Span]]) -> dict[str, Span]:
    """The smallest range per symbol that contains all of its ranges."""
    hulls: dict[str, Span] = {}
    for symbol, span in ranges:
        known = hulls.get(symbol, span)
        hulls[symbol] = Span(min(known.start, span.start), max(known.end, span.end))
    return hulls


def _find_unanswered(
    requested: Span, slots: Sequence[Span], gaps: Sequence[Gap], now: datetime
) -> list[Gap]:
    """Requested slots without a candle: new holes, and gaps whose verdict was due again."""
    holes = subtract_spans([requested], slots)
    due = [gap for gap in gaps if gap.next_check_at is not None and gap.next_check_at <= now]
    again = [
        Gap(
            part,
            Verdict.PENDING,
            {"checks": gap.evidence.get("checks", 0), "was": gap.verdict.value},
        )
        for gap in due
        if gap.verdict is not Verdict.PENDING
        for part in intersect_spans(holes, [gap.span])
    ]
    fresh = subtract_spans(holes, [gap.span for gap in gaps])
    return [*again, *(Gap(span, Verdict.PENDING) for span in fresh)]
