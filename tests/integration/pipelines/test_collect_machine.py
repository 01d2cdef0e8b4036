"""Planner, store and verdicts against a model, killed at any moment, on both storage paths."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text

from candlehouse.core.gaps import align_span, merge_spans
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.collecting.collect import collect
from candlehouse.pipelines.fetching.collect_options import CollectOptions
from candlehouse.pipelines.judging.verdicts import judge_gaps
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from support.exchanges.model_exchange import Killed, Manners, ModelExchange, hours
from support.processes.dying import dying
from support.warehouses import warehouse_of

T0 = datetime(2024, 3, 1, tzinfo=UTC)
HOURS = 24 * 6
OLD = ("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT")
LATE = "LATEUSDT"
TIMEFRAMES = (Timeframe.H1, Timeframe.H4)
# More of them by make soak.
EXAMPLES = int(os.environ.get("CANDLEHOUSE_EXAMPLES", "10"))
OPTIONS = CollectOptions(page_slots=7, grace=timedelta(hours=1))
TABLES = (
    "loads", "series", "collector_state", "coverage_days", "gaps", "gap_checks", "gap_history",
    "corrections", "quarantined_candles", "candles_1h", "candles_4h",
)  # fmt: skip


def sometimes(most: int) -> st.SearchStrategy[int | None]:
    """Mostly None: where every run dies, nothing is ever found out."""
    return st.one_of(st.none(), st.none(), st.integers(0, most))


spans_of_hours = st.tuples(st.integers(0, HOURS - 8), st.integers(1, 72)).map(
    lambda pair: hours(T0, pair[0], min(HOURS, pair[0] + pair[1]))
)


# Half of the exchanges answer as they are asked; the others cap, overlap and repeat.
manners = st.one_of(
    st.just(Manners()),
    st.builds(
        Manners,
        cap=st.integers(1, 8),
        newest=st.booleans(),
        before=st.integers(0, 2),
        after=st.integers(0, 2),
        repeat=st.booleans(),
    ),
)


class CollectMachine(RuleBasedStateMachine):
    """Collects ranges in any order while the exchange goes on and the process dies."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.exchange = ModelExchange(T0, {})
        self.asked: dict[Series, list[Span]] = {}
        with self.engine.begin() as connection:
            connection.execute(text("TRUNCATE " + ", ".join(f"market.{table}" for table in TABLES)))

    @initialize(
        late=st.integers(0, HOURS),
        dark=st.lists(spans_of_hours, max_size=2),
        holes=st.lists(st.tuples(st.sampled_from(OLD), spans_of_hours), min_size=1, max_size=3),
        elapsed=st.integers(24, HOURS),
        manners=manners,
    )
    def open_exchange(
        self,
        late: int,
        dark: list[Span],
        holes: list[tuple[str, Span]],
        elapsed: int,
        manners: Manners,
    ) -> None:
        listed = dict.fromkeys(OLD, T0 - timedelta(days=30))
        self.exchange = ModelExchange(
            T0 + timedelta(hours=elapsed),
            {**listed, LATE: T0 + timedelta(hours=late, minutes=30)},
            # Whole 4h candles go, so that both timeframes lack the same time.
            dark=[align_span(span, Timeframe.H4) for span in dark],
            holes=[(symbol, align_span(span, Timeframe.H4)) for symbol, span in holes],
            manners=manners,
        )

    @rule(
        symbols=st.lists(st.sampled_from((*OLD, LATE)), min_size=1, max_size=4, unique=True),
        timeframe=st.sampled_from(TIMEFRAMES),
        span=spans_of_hours,
        requests=sometimes(40),
        statements=sometimes(120),
    )
    def collect(
        self,
        symbols: list[str],
        timeframe: Timeframe,
        span: Span,
        requests: int | None,
        statements: int | None,
    ) -> None:
        asked = {Series(symbol, timeframe): span for symbol in symbols}
        for series in asked:
            self.asked.setdefault(series, []).append(span)
        self._run(asked, requests, statements)

    @rule(elapsed=st.integers(1, 30))
    def time_passes(self, elapsed: int) -> None:
        self.exchange.now += timedelta(hours=elapsed)

    @precondition(lambda self: bool(self.asked))
    @rule(elapsed=st.integers(40, 60))
    def candles_arrive_late(self, elapsed: int) -> None:
        self.exchange.holes.clear()
        self.exchange.now += timedelta(days=elapsed)

    @rule(symbol=st.sampled_from(OLD[:1]))
    def symbol_leaves(self, symbol: str) -> None:
        if symbol not in self.exchange.ended:
            # When its last candle of every timeframe closes: none that is out is taken back.
            self.exchange.now = Timeframe.H4.ceil(self.exchange.now)
            self.exchange.ended[symbol] = self.exchange.now

    @invariant()
    def counts_and_gaps_agree_with_candles(self) -> None:
        with self.engine.connect() as connection:
            assert list(find_differences(connection)) == []

    @invariant()
    def no_candle_is_invented(self) -> None:
        for series in self.asked:
            stored = self._stored(series)
            whole = Span(T0 - timedelta(days=2), self.exchange.now)
            possible = {
                slot for slot in self.exchange.slots(series, align_span(whole, series.timeframe))
                if slot + series.timeframe.length <= self.exchange.now
            }  # fmt: skip
            assert stored <= possible

    def teardown(self) -> None:
        """A last run to the end leaves exactly what an undisturbed one would."""
        if self.asked:
            # Later than any verdict's next check.
            self.exchange.now = max(self.exchange.now, T0 + timedelta(hours=HOURS))
            self.exchange.now += timedelta(days=40)
            whole = {
                series: Span(min(s.start for s in spans), max(s.end for s in spans))
                for series, spans in self.asked.items()
            }
            self._run(whole, None, None)
            self._assert_all_explained(whole)
            # What one symbol lacked turns up after all.
            self.exchange.holes.clear()
            self.exchange.now += timedelta(days=40)
            self._run(whole, None, None)
            self._assert_all_explained(whole)
            self.counts_and_gaps_agree_with_candles()
            requests = self.exchange.requests
            self._run(whole, None, None)
            assert self.exchange.requests == requests, "a complete range asks for nothing"

    def _run(self, asked: dict[Series, Span], requests: int | None, statements: int | None) -> None:
        exchange = self.exchange
        exchange.kill_after = None if requests is None else exchange.requests + requests

        async def both() -> None:
            report = await collect(
                warehouse_of(self.engine), exchange, asked, exchange.now, OPTIONS
            )
            assert not report.failures
            judged = await judge_gaps(
                warehouse_of(self.engine), exchange, asked, exchange.now, OPTIONS
            )
            assert not judged.failures

        with suppress(Killed), dying(self.engine, statements):
            asyncio.run(both())
        exchange.kill_after = None

    def _stored(self, series: Series) -> set[datetime]:
        with self.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT open_time FROM market.candles WHERE symbol = :s AND timeframe = :t"),
                {"s": series.symbol, "t": series.timeframe.value},
            )
            return set(rows.scalars())

    def _assert_all_explained(self, whole: dict[Series, Span]) -> None:
        for series, span in whole.items():
            self._assert_explained(series, align_span(span, series.timeframe))

    def _assert_explained(self, series: Series, span: Span) -> None:
        exchange = self.exchange
        stored = self._stored(series)
        expected = set(exchange.slots(series, span))
        assert stored & _slots_of([span], series.timeframe) == expected
        with self.engine.connect() as connection:
            gaps = connection.execute(
                text(
                    "SELECT gap_start, gap_end, verdict FROM market.gaps"
                    " WHERE symbol = :s AND timeframe = :t ORDER BY gap_start"
                ),
                {"s": series.symbol, "t": series.timeframe.value},
            ).all()
        for left, right in pairwise(gaps):
            assert left.gap_end < right.gap_start or (
                left.gap_end == right.gap_start and left.verdict != right.verdict
            )
        found = {
            slot: gap.verdict
            for gap in gaps
            for slot in _slots_of([Span(gap.gap_start, gap.gap_end)], series.timeframe)
        }
        missing = _slots_of([span], series.timeframe) - expected
        traded = exchange.slots(series, Span(T0 - timedelta(days=5), exchange.now))
        assert {slot: found.get(slot) for slot in missing} == {
            slot: self._verdict(series, slot, traded) for slot in missing
        }

    def _verdict(self, series: Series, slot: datetime, traded: list[datetime]) -> str:
        """What is to be said of a slot without a candle; `traded` are all that have one."""
        exchange = self.exchange
        if slot < series.timeframe.floor(exchange.listed[series.symbol]):
            return "not_listed"
        if not traded or slot < traded[0]:
            return "not_listed"
        if series.symbol in exchange.ended and slot > traded[-1]:
            return "delisted"
        return "exchange_outage" if _inside(slot, exchange.dark) else "no_data"


def _inside(slot: datetime, spans: list[Span]) -> bool:
    return any(span.start <= slot < span.end for span in spans)


def _slots_of(spans: list[Span], timeframe: Timeframe) -> set[datetime]:
    return {
        span.start + n * timeframe.length
        for span in merge_spans(spans)
        for n in range((span.end - span.start) // timeframe.length)
    }


@pytest.mark.timeout(60 * EXAMPLES)
def test_any_order_and_any_death_ends_as_an_undisturbed_run(warehouse_url: str) -> None:
    CollectMachine.engine = connect(warehouse_url)
    try:
        run_state_machine_as_test(
            CollectMachine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=12,
                deadline=None,
                print_blob=True,
                # Shrinking drives a database for minutes; the steps are printed as they are.
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        CollectMachine.engine.dispose()
