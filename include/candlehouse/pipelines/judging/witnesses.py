"""Finds out whether other symbols have candles where one symbol has none."""

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

# Verdicts under which a symbol was trading, or may have been: its silence says something.
_SILENT = (Verdict.PENDING, Verdict.EXCHANGE_OUTAGE, Verdict.NO_DATA)


@dataclass(slots=True)
class Witnesses:
    """Calls witnesses for one timeframe, remembering what was asked.

    Attributes:
        trading: symbols that the exchange lists as trading now.
        page_slots: candles a page, at most 1000.
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
        """Other trading symbols that existed when `hole` began, and what they have in it.

        What the warehouse already knows is used whole. Only where that is fewer than
        `WITNESSES_NEEDED` is the exchange asked about others, until there are enough or
        no more.

        Args:
            hole: on the slot grid.
            about: the symbol that lacks it, which cannot be its own witness.
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
        """Symbols of which every slot of the hole is either held or known to be missing."""
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
        """Symbols to ask, those that share the most of the ticker's end first.

        A common end means the same quote asset; the order is fixed, so that a run
        that is repeated asks the same symbols.
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
            # It left between the listing and the question: no witness.
            return None
        merged = intersect_spans([hole], present)
        said = _testify(symbol, hole, merged, Informant.REST, self.now)
        witness = Witness(symbol, tuple(merged), tuple(said))
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
    """Those of the symbols of which all of `hole` is either held or known to be missing."""
    spans = dict.fromkeys(existed, hole)
    held = select_held(connection, timeframe, spans)
    gaps = select_gaps(connection, timeframe, list(spans.items()))
    own = select_checks(connection, timeframe, spans, of_others=False)
    known: dict[str, Witness] = {}
    for symbol in spans:
        silent = [gap.span for gap in gaps.get(symbol, []) if gap.verdict in _SILENT]
        if not subtract_spans([hole], [*held.get(symbol, []), *silent]):
            present = intersect_spans([hole], held.get(symbol, []))
            said = _testify(symbol, hole, present, Informant.WAREHOUSE, now)
            known[symbol] = Witness(symbol, tuple(present), _prefer(own.get(symbol, []), said))
    return known


def _testify(
    symbol: str, hole: Span, present: Sequence[Span], informant: Informant, now: datetime
) -> list[Check]:
    absent = subtract_spans([hole], present)
    return [
        *(Check(span, symbol, informant, Answer.PRESENT, now) for span in present),
        *(Check(span, symbol, informant, Answer.NOTHING, now) for span in absent),
    ]


def _prefer(own: Sequence[Check], said: Sequence[Check]) -> tuple[Check, ...]:
    """What the warehouse says, and in the place of its bare gaps what these were made of."""
    gaps = [check for check in said if check.answer is Answer.NOTHING]
    told = clip_checks(own, [check.span for check in gaps])
    bare = [
        replace(check, span=part)
        for check in gaps
        for part in subtract_spans([check.span], [one.span for one in told])
    ]
    return (*(check for check in said if check.answer is Answer.PRESENT), *told, *bare)


def spans_of_page(page: RestPage) -> list[Span]:
    """The slots that a page's rows fill."""
    timeframe = page.series.timeframe
    return spans_of_slots(map(timeframe.floor, page.rows.open_times()), timeframe)


def _common_suffix(left: str, right: str) -> int:
    count = 0
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if a != b:
            break
        count += 1
    return count
