"""Finds witnesses: other symbols, and whether they have candles where one symbol has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import UnknownSymbol
from candlehouse.core.gaps import intersect_spans, spans_of_slots, subtract_spans
from candlehouse.core.judging.evidence import Answer, Check, Informant, clip_checks
from candlehouse.core.judging.verdict_rules import WITNESSES_NEEDED, Witness
from candlehouse.core.model import Series, Span, Verdict
from candlehouse.core.ports import CandleSource
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.fetching.paging import fetch_pages
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.checks import select_checks
from candlehouse.storage.completeness.gaps import select_gaps
from candlehouse.storage.completeness.series import select_series, upsert_first_open_times
from candlehouse.storage.warehouse import Warehouse

# Verdicts under which a symbol traded, or may have: the lack of its candles is evidence.
_SILENT = (Verdict.PENDING, Verdict.EXCHANGE_OUTAGE, Verdict.NO_DATA)


@dataclass(slots=True)
class Witnesses:
    """Finds the witnesses of holes in one timeframe, and caches what they have.

    Attributes:
        warehouse: to read from and to write to.
        source: the REST client.
        timeframe: of all the holes.
        trading: symbols that the exchange lists as trading now.
        page_slots: candles per page, at most 1000.
        now: the exchange's time.
    """

    warehouse: Warehouse
    source: CandleSource
    timeframe: Timeframe
    trading: frozenset[str]
    page_slots: int
    now: datetime
    _known: dict[Span, dict[str, Witness]] = field(default_factory=dict)
    _answers: dict[tuple[str, Span], Witness] = field(default_factory=dict)

    async def call(self, hole: Span, about: str) -> list[Witness]:
        """Other trading symbols that existed when `hole` began, and their candles in it.

        All symbols of which the warehouse knows the whole hole are witnesses. Only when they
        are fewer than `WITNESSES_NEEDED`, the exchange is asked about other symbols, until
        there are enough or none is left.

        Args:
            hole: half-open, on the slot grid.
            about: the symbol that lacks candles, which cannot be its own witness.

        Raises:
            ExchangeError: when the exchange fails, RateLimited included.
        """
        if hole not in self._known:
            self._known[hole] = await self.warehouse.read_in_thread(self._select_known, hole)
        known = self._known[hole]
        found = [witness for symbol, witness in sorted(known.items()) if symbol != about]
        if len(found) < WITNESSES_NEEDED:
            for symbol in self._candidates(about, known):
                if witness := await self._ask(symbol, hole):
                    found.append(witness)
                if len(found) == WITNESSES_NEEDED:
                    break
        return found

    def _select_known(self, connection: Connection, hole: Span) -> dict[str, Witness]:
        """Symbols of which every slot of the hole is either stored or known to be missing."""
        rows = select_series(connection, [self.timeframe])
        existed = [
            series.symbol
            for series, row in rows.items()
            if series.symbol in self.trading
            and row.first_open_time is not None
            and row.first_open_time <= hole.start
        ]
        return select_witnesses(connection, self.timeframe, hole, existed, self.now)

    def _candidates(self, about: str, known: Iterable[str]) -> Sequence[str]:
        """Symbols to ask, ordered by the length of the suffix that they share with `about`.

        A common suffix means the same quote asset. The order is fixed, so that a repeated run
        asks the same symbols.
        """
        others = self.trading - {about} - set(known)
        return sorted(others, key=lambda symbol: (-_common_suffix(symbol, about), symbol))

    async def _ask(self, symbol: str, hole: Span) -> Witness | None:
        if (symbol, hole) in self._answers:
            return self._answers[symbol, hole]
        series = Series(symbol, self.timeframe)
        try:
            first = await self._first_open_time(series)
            if first is None or first > hole.start:
                return None
            pages = fetch_pages(self.source, series, hole, self.page_slots)
            present = [span async for page in pages for span in spans_of_page(page)]
        except UnknownSymbol:
            # The symbol was delisted after the list was made: it is no witness.
            return None
        merged = intersect_spans([hole], present)
        checks = _make_checks(symbol, hole, merged, Informant.REST, self.now)
        witness = Witness(symbol, tuple(merged), tuple(checks))
        self._answers[symbol, hole] = witness
        return witness

    async def _first_open_time(self, series: Series) -> datetime | None:
        known = await self.warehouse.read_in_thread(self._select_first, series)
        if known is None:
            known = await self.source.fetch_first_open_time(series)
            await self.warehouse.write_in_thread(self._save_first, series, known)
        return known

    def _select_first(self, connection: Connection, series: Series) -> datetime | None:
        row = select_series(connection, [series.timeframe], [series.symbol]).get(series)
        return None if row is None else row.first_open_time

    def _save_first(self, connection: Connection, series: Series, first: datetime | None) -> None:
        upsert_first_open_times(connection, {series: first})


def select_witnesses(
    connection: Connection,
    timeframe: Timeframe,
    hole: Span,
    existed: Iterable[str],
    now: datetime,
) -> dict[str, Witness]:
    """The witnesses among some symbols: all of `hole` is stored or known to be missing.

    Args:
        connection: to read with.
        timeframe: of the hole.
        hole: half-open, on the slot grid.
        existed: symbols that existed when the hole began.
        now: the exchange's time, noted in the evidence.

    Returns:
        Witnesses by symbol.
    """
    spans = dict.fromkeys(existed, hole)
    held = select_held(connection, timeframe, spans)
    gaps = select_gaps(connection, timeframe, list(spans.items()))
    own = select_checks(connection, timeframe, spans, of_others=False)
    known: dict[str, Witness] = {}
    for symbol in spans:
        silent = [gap.span for gap in gaps.get(symbol, []) if gap.verdict in _SILENT]
        if not subtract_spans([hole], [*held.get(symbol, []), *silent]):
            present = intersect_spans([hole], held.get(symbol, []))
            checks = _make_checks(symbol, hole, present, Informant.WAREHOUSE, now)
            known[symbol] = Witness(symbol, tuple(present), _prefer(own.get(symbol, []), checks))
    return known


def _make_checks(
    symbol: str, hole: Span, present: Sequence[Span], informant: Informant, now: datetime
) -> list[Check]:
    absent = subtract_spans([hole], present)
    return [
        *(Check(span, symbol, informant, Answer.PRESENT, now) for span in present),
        *(Check(span, symbol, informant, Answer.NOTHING, now) for span in absent),
    ]


def _prefer(own: Sequence[Check], checks: Sequence[Check]) -> tuple[Check, ...]:
    """The warehouse's answers; a gap is replaced by the answers that it was judged by."""
    gaps = [check for check in checks if check.answer is Answer.NOTHING]
    known = clip_checks(own, [check.span for check in gaps])
    bare = [
        replace(check, span=part)
        for check in gaps
        for part in subtract_spans([check.span], [one.span for one in known])
    ]
    return (*(check for check in checks if check.answer is Answer.PRESENT), *known, *bare)


def spans_of_page(page: RestPage) -> list[Span]:
    """The slots that a page's rows fill, as merged half-open ranges in order."""
    timeframe = page.series.timeframe
    return spans_of_slots(map(timeframe.floor, page.rows.open_times()), timeframe)


def _common_suffix(left: str, right: str) -> int:
    count = 0
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if a != b:
            break
        count += 1
    return count
