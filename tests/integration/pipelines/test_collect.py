"""What becomes of a collection when the exchange does not play along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import (
    ExchangeUnavailable,
    MalformedPayload,
    RateLimited,
    UnknownSymbol,
)
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.collecting.collect import collect
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.judging.verdicts import judge_gaps
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from support.exchanges.model_exchange import ModelExchange, hours
from support.warehouses import warehouse_of

T0 = datetime(2024, 3, 1, tzinfo=UTC)
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")
ASKED = {Series(symbol, Timeframe.H1): hours(T0, 0, 200) for symbol in SYMBOLS}


class Troubled(ModelExchange):
    """Fails on the requests for pages that `trouble` picks."""

    failing_symbol = ""
    garbled_symbol = ""
    gate_after: int | None = None
    pages = 0

    async def fetch_page(self, series: Series, span: Span, limit: int) -> RestPage:
        if series.symbol == self.failing_symbol:
            raise ExchangeUnavailable(f"{series}: HTTP 500")
        if series.symbol == self.garbled_symbol:
            raise MalformedPayload(f"{series}: not a kline: [1]")
        if self.gate_after is not None and self.pages >= self.gate_after:
            raise RateLimited("the gate is closed", 3600)
        self.pages += 1
        return await super().fetch_page(series, span, limit)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def exchange() -> Troubled:
    listed = dict.fromkeys(SYMBOLS, T0 - timedelta(days=9))
    return Troubled(T0 + timedelta(hours=200), listed)


def run(engine: Engine, exchange: ModelExchange, options: CollectOptions) -> CollectReport:
    return asyncio.run(collect(warehouse_of(engine), exchange, ASKED, exchange.now, options))


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT symbol, count(*) FROM market.candles GROUP BY symbol")
        )
        return {row.symbol: row.count for row in rows}


def test_what_was_answered_before_the_gate_closed_is_stored(
    engine: Engine, exchange: Troubled
) -> None:
    exchange.gate_after = 7
    with pytest.raises(RateLimited):
        run(engine, exchange, CollectOptions(page_slots=10))
    assert sum(counts(engine).values()) == 7 * 10
    exchange.gate_after = None
    assert run(engine, exchange, CollectOptions(page_slots=10)).written.inserted == 600 - 70


def test_a_series_that_fails_is_named_and_its_error_kept_until_it_succeeds(
    engine: Engine, exchange: Troubled
) -> None:
    last_error = text(
        "SELECT symbol, last_error FROM market.collector_state WHERE last_error IS NOT NULL"
    )
    exchange.failing_symbol = "BUSDT"
    report = run(engine, exchange, CollectOptions(page_slots=50))
    assert report.failures == {Series("BUSDT", Timeframe.H1): "BUSDT 1h: HTTP 500"}
    assert counts(engine) == {"AUSDT": 200, "CUSDT": 200}
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(last_error)] == [
            ("BUSDT", "BUSDT 1h: HTTP 500")
        ]
    exchange.failing_symbol = ""
    assert not run(engine, exchange, CollectOptions()).failures
    with engine.connect() as connection:
        assert connection.execute(last_error).all() == []


def test_progress_counts_every_slot_that_was_answered_for(
    engine: Engine, exchange: Troubled
) -> None:
    exchange.dark.append(hours(T0, 20, 30))
    answered: list[int] = []
    run(engine, exchange, CollectOptions(progress=answered.append))
    assert sum(answered) == 3 * 200


def test_the_end_of_a_symbol_the_exchange_forgot_is_its_last_candle_held(
    engine: Engine, exchange: Troubled
) -> None:
    class Forgetful(Troubled):
        async def fetch_last_open_time(self, series: Series) -> datetime | None:
            raise UnknownSymbol(str(series))

    forgetful = Forgetful(exchange.now, exchange.listed)
    forgetful.ended["AUSDT"] = T0 + timedelta(hours=50)
    run(engine, forgetful, CollectOptions())
    report = asyncio.run(
        judge_gaps(warehouse_of(engine), forgetful, ASKED, forgetful.now, CollectOptions())
    )
    assert not report.failures
    with engine.connect() as connection:
        gaps = connection.execute(
            text("SELECT symbol, gap_start, verdict FROM market.gaps ORDER BY 1, 2")
        ).all()
    assert [tuple(gap) for gap in gaps] == [("AUSDT", T0 + timedelta(hours=50), "delisted")]


def test_an_outage_before_a_later_end_is_an_outage_and_no_pause(
    engine: Engine, exchange: Troubled
) -> None:
    def gaps() -> list[tuple[object, ...]]:
        run(engine, exchange, CollectOptions())
        asyncio.run(
            judge_gaps(warehouse_of(engine), exchange, ASKED, exchange.now, CollectOptions())
        )
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT gap_start, gap_end, verdict FROM market.gaps"
                    " WHERE symbol = 'AUSDT' ORDER BY 1"
                )
            )
            return [tuple(row) for row in rows]

    def at(hour: int) -> datetime:
        return T0 + timedelta(hours=hour)

    exchange.dark.append(hours(T0, 20, 30))
    exchange.holes.append(("AUSDT", hours(T0, 30, 40)))
    exchange.ended["AUSDT"] = at(40)
    exchange.now += timedelta(hours=1)
    assert gaps() == [(at(20), at(200), "delisted")]
    # Its last candles turn up: it left later than it seemed, and stood still with the others.
    exchange.holes.clear()
    exchange.now += timedelta(days=40)
    assert gaps() == [(at(20), at(30), "exchange_outage"), (at(40), at(200), "delisted")]


def test_a_symbol_that_gives_no_answer_keeps_its_holes_pending(
    engine: Engine, exchange: Troubled
) -> None:
    exchange.holes.append(("AUSDT", hours(T0, 20, 30)))
    run(engine, exchange, CollectOptions())
    exchange.failing_symbol = "AUSDT"
    report = asyncio.run(
        judge_gaps(warehouse_of(engine), exchange, ASKED, exchange.now, CollectOptions())
    )
    assert list(report.failures) == [Series("AUSDT", Timeframe.H1)]
    verdict = text("SELECT verdict FROM market.gaps")
    with engine.connect() as connection:
        assert connection.execute(verdict).scalars().all() == ["pending"]
    exchange.failing_symbol = ""
    asyncio.run(judge_gaps(warehouse_of(engine), exchange, ASKED, exchange.now, CollectOptions()))
    with engine.connect() as connection:
        assert connection.execute(verdict).scalars().all() == ["no_data"]


def test_candles_that_arrive_late_are_found_when_the_verdict_is_due_again(
    engine: Engine, exchange: Troubled
) -> None:
    exchange.holes.append(("AUSDT", hours(T0, 20, 30)))
    run(engine, exchange, CollectOptions())
    asyncio.run(judge_gaps(warehouse_of(engine), exchange, ASKED, exchange.now, CollectOptions()))
    exchange.holes[:] = [("AUSDT", hours(T0, 20, 22))]
    assert run(engine, exchange, CollectOptions()).cost.requests == 0, "it is known to be absent"
    exchange.now += timedelta(hours=1)
    assert run(engine, exchange, CollectOptions()).written.inserted == 8
    asyncio.run(judge_gaps(warehouse_of(engine), exchange, ASKED, exchange.now, CollectOptions()))
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []
        left = connection.execute(text("SELECT gap_start, gap_end, evidence FROM market.gaps"))
        history = connection.execute(
            text("SELECT gap_start, gap_end, verdict, filled_at FROM market.gap_history")
        )
        (gap,) = left.all()
        assert (gap.gap_start, gap.gap_end) == hours(T0, 20, 22)
        assert gap.evidence["checks"] == 2
        assert [tuple(row) for row in history] == [(*hours(T0, 22, 30), "no_data", exchange.now)]


def test_witnesses_answer_for_all_of_a_hole_that_is_longer_than_a_page(
    engine: Engine, exchange: Troubled
) -> None:
    hole = hours(T0, 20, 1100)
    exchange.now = T0 + timedelta(hours=1200)
    exchange.holes.append(("AUSDT", hole))
    alone = {Series("AUSDT", Timeframe.H1): hours(T0, 0, 1200)}
    asyncio.run(collect(warehouse_of(engine), exchange, alone, exchange.now, CollectOptions()))
    asyncio.run(judge_gaps(warehouse_of(engine), exchange, alone, exchange.now, CollectOptions()))
    with engine.connect() as connection:
        gaps = connection.execute(text("SELECT gap_start, gap_end, verdict FROM market.gaps"))
        assert [tuple(gap) for gap in gaps] == [(*hole, "no_data")]


def test_an_answer_that_stays_malformed_is_kept_with_its_rule(
    engine: Engine, exchange: Troubled
) -> None:
    exchange.garbled_symbol = "BUSDT"
    for _ in range(2):
        assert list(run(engine, exchange, CollectOptions()).failures) == [
            Series("BUSDT", Timeframe.H1)
        ]
    with engine.connect() as connection:
        kept = text("SELECT symbol, source, rule, raw FROM market.quarantined_candles")
        assert connection.execute(kept).all() == [
            (
                "BUSDT",
                "rest",
                "malformed_answer",
                "BUSDT 1h: not a kline: [1]",
            )
        ]
    assert counts(engine) == {"AUSDT": 200, "CUSDT": 200}
