"""Rules go by the facts that they are given, also by those of another exchange."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

import pytest

from candlehouse.core.errors import UnclearName
from candlehouse.core.importing.file_names import NameFacts, series_of_file
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.fetch_plan import plan_cost, plan_fetches, plan_pages
from candlehouse.core.planning.published_files import ArchiveFacts, ArchiveFile, Published, Tree
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.eligibility import Exclusion, PairFacts, find_exclusion
from candlehouse.core.universe.instruments import Instrument
from candlehouse.core.venue import RestFacts

START = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERIES = Series("XBTEUR", Timeframe.M5)
MARCH = ArchiveFile(SERIES, Tree.MONTHLY, START)

REST = RestFacts(
    page_slots=720,
    page_weight=7,
    pairs_weight=1,
    usual_limit=600,
    assumed_limit=60,
    ping_path="/status",
)
ARCHIVE = ArchiveFacts(
    layout="{symbol}/{timeframe}/{tree}/{stem}.gz",
    first_month=datetime(2020, 1, 1, tzinfo=UTC),
    daily_delay=2 * HOUR,
    monthly_weekday=2,
    monthly_delay=HOUR,
    settled_after=timedelta(days=1),
)


def test_a_plan_costs_what_the_exchange_asks_per_page() -> None:
    cost = plan_cost(plan_pages(SERIES, [MARCH.span], REST.page_slots), REST)
    # 31 days of 288 candles.
    assert (cost.requests, cost.weight) == (13, 13 * 7)
    assert cost.seconds == pytest.approx(13 * 7 / (600 * 0.95 / 60))


def test_files_are_taken_only_where_pages_cost_more() -> None:
    published = Published(START + timedelta(days=60), ARCHIVE)
    free = replace(REST, page_weight=1, usual_limit=10**12)
    # A third of a file: dear pages are worse than the whole of it, free ones are not.
    asked = Span(START, START + timedelta(days=10))
    for rest, files in ((REST, True), (free, False)):
        fetches = plan_fetches(SERIES, [asked], asked, rest.page_slots, rest, published)
        assert any(fetch.file is not None for fetch in fetches) is files


def test_files_are_where_and_when_the_archive_has_them() -> None:
    assert ARCHIVE.path_of(MARCH) == "XBTEUR/5m/monthly/XBTEUR-5m-2024-03.gz"
    # The first Wednesday after March 2024.
    assert ARCHIVE.expected_at(MARCH) == datetime(2024, 4, 3, 1, tzinfo=UTC)
    day = ArchiveFile(SERIES, Tree.DAILY, START)
    assert ARCHIVE.expected_at(day) == datetime(2024, 3, 2, 2, tzinfo=UTC)


def test_pairs_are_told_by_the_words_of_the_exchange() -> None:
    facts = PairFacts(spot="cash", leveraged="margined", leveraged_suffixes=("3L",), stock_tag="x")

    def find(base: str, *permissions: str) -> Exclusion | None:
        pair = Instrument(f"{base}EUR", base, "EUR", "TRADING", frozenset(permissions))
        return find_exclusion(pair, "EUR", {"BTC"}, {"ACMEEUR": ["X"]}, facts)

    assert find("BTC", "cash") is None
    assert find("BTC", "SPOT") is Exclusion.NOT_SPOT
    assert find("BTC3L") is Exclusion.LEVERAGED
    assert find("BTCUP") is None
    assert find("ACME", "cash") is Exclusion.STOCK


def test_names_of_files_are_read_as_people_write_them_for_the_exchange() -> None:
    facts = NameFacts(prefix="Other.", quote_assets="EUR CHF")
    assert str(series_of_file(PurePath("Other.XBTCHF_1h.csv"), facts)) == "XBTCHF 1h"
    for name in ("OtherXXBTCHF_x.csv", "Otherx.XBTCHF_1h.csv", "BTCUSDT_1h.csv"):
        with pytest.raises(UnclearName):
            series_of_file(PurePath(name), facts)
