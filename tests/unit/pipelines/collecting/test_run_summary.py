"""Sentences for logs and terminals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from candlehouse.core.model import Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.collecting.run_summary import (
    describe_collection,
    describe_maintenance,
    describe_requested,
    describe_span,
    describe_verdicts,
)
from candlehouse.pipelines.fetching.collect_options import CollectReport
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.pipelines.maintenance import MaintenanceReport
from candlehouse.storage.candles.page_writer import Written


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(start: str, end: str) -> Span:
    return Span(moment(start), moment(end))


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2024-02-01", "2024-03-01", "2024-02"),
        ("2023-12-01", "2024-01-01", "2023-12"),
        ("2024-01-10", "2024-02-01", "2024-01-10 to 2024-02-01"),
        ("2024-01-01", "2024-03-01", "2024-01-01 to 2024-03-01"),
        ("2024-02-01", "2024-02-09T12:05", "2024-02-01 to 2024-02-09 12:05"),
    ],
)
def test_a_month_is_called_by_its_name(start: str, end: str, told: str) -> None:
    assert describe_span(span(start, end)) == told


def test_what_was_asked_for_names_few_symbols_and_every_timeframe() -> None:
    month = span("2024-01-01", "2024-02-01")
    asked = {
        Series(f"{name}USDT", timeframe): month
        for name in ("ETH", "BTC", "XRP", "SOL")
        for timeframe in (Timeframe.H1, Timeframe.M5)
    }
    assert describe_requested(asked) == "BTCUSDT, ETHUSDT and 2 more; 5m, 1h; 2024-01"
    asked[Series("BTCUSDT", Timeframe.H1)] = span("2023-12-31", "2024-01-01")
    assert describe_requested(asked).endswith("2023-12-31 to 2024-02-01")
    assert describe_requested({}) == "nothing"


def test_an_outcome_is_one_sentence_with_its_cost() -> None:
    report = CollectReport(
        written=Written(106_392, 2, 1, 3), files=24, requests=3, first_candles=2, seconds=12.34
    )
    assert describe_collection(report) == (
        "106,392 candles stored from 24 files and 3 requests (weight 10) in 12.3 s,"
        " 2 corrected, 1 refused, 3 quarantined"
    )


def test_reasons_are_counted_by_name() -> None:
    report = JudgeReport()
    assert describe_verdicts(report) == "none"
    report.verdicts[Verdict.NO_DATA] += 1
    report.verdicts[Verdict.EXCHANGE_OUTAGE] += 1200
    assert describe_verdicts(report) == "1,200 exchange_outage, 1 no_data"


def test_upkeep_says_what_it_dropped() -> None:
    report = MaintenanceReport(["a", "b"], {Timeframe.M1: moment("2024-02-01")})
    assert describe_maintenance(report) == (
        "2 chunks converted to the columnstore; 1m dropped before 2024-02-01"
    )
