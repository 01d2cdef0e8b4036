"""Which files are published, and when one is asked for again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import (
    ArchiveFile,
    FileState,
    KnownFile,
    Published,
    Tree,
    files_over,
)
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.facts import ARCHIVE

BTC = Series("BTCUSDT", Timeframe.M5)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


FEBRUARY = ArchiveFile(BTC, Tree.MONTHLY, utc(2024, 2, 1))
LEAP_DAY = ArchiveFile(BTC, Tree.DAILY, utc(2024, 2, 29))


def test_files_are_named_as_the_exchange_names_them() -> None:
    assert ARCHIVE.path_of(FEBRUARY) == "data/spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2024-02.zip"
    assert (
        ARCHIVE.path_of(LEAP_DAY) == "data/spot/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2024-02-29.zip"
    )


def test_a_file_has_all_of_its_month_or_day() -> None:
    assert FEBRUARY.span == Span(utc(2024, 2, 1), utc(2024, 3, 1))
    assert FEBRUARY.slots == 29 * 288
    assert LEAP_DAY.span == Span(utc(2024, 2, 29), utc(2024, 3, 1))
    assert ArchiveFile(BTC, Tree.MONTHLY, utc(2023, 12, 1)).span.end == utc(2024, 1, 1)


@pytest.mark.parametrize(
    ("tree", "starts"),
    [
        (Tree.MONTHLY, [utc(2023, 12, 1), utc(2024, 1, 1), utc(2024, 2, 1)]),
        (Tree.DAILY, [utc(2023, 12, 31) + n * timedelta(days=1) for n in range(33)]),
    ],
)
def test_files_cover_a_range_from_its_first_to_its_last_instant(
    tree: Tree, starts: list[datetime]
) -> None:
    span = Span(utc(2023, 12, 31, 23, 55), utc(2024, 2, 1, 0, 5))
    assert [file.start for file in files_over(BTC, tree, span)] == starts
    # An end at midnight belongs to the day before.
    exact = Span(span.start, utc(2024, 2, 1))
    assert [file.start for file in files_over(BTC, tree, exact)] == starts[:-1]


def test_files_are_not_expected_before_their_time() -> None:
    # 1 March 2024 is a Friday: the first Monday after is the 4th.
    assert ARCHIVE.expected_at(FEBRUARY).date() == utc(2024, 3, 4).date()
    # 1 July 2024 is a Monday itself.
    june = ArchiveFile(BTC, Tree.MONTHLY, utc(2024, 6, 1))
    assert ARCHIVE.expected_at(june).date() == utc(2024, 7, 1).date()
    assert utc(2024, 3, 1) < ARCHIVE.expected_at(LEAP_DAY) < utc(2024, 3, 2)
    assert not Published(utc(2024, 3, 3), ARCHIVE).may_help(FEBRUARY, 100)
    assert Published(utc(2024, 3, 5), ARCHIVE).may_help(FEBRUARY, 100)


def test_a_file_that_is_missing_is_asked_for_again_after_a_day_or_a_month() -> None:
    asked = utc(2024, 3, 5)
    young = KnownFile(FEBRUARY, FileState.MISSING, asked)
    assert not young.may_help(1, asked + timedelta(hours=19), ARCHIVE)
    assert young.may_help(1, asked + timedelta(hours=20), ARCHIVE)
    old = KnownFile(FEBRUARY, FileState.MISSING, utc(2025, 3, 5))
    assert not old.may_help(1, utc(2025, 3, 20), ARCHIVE)
    assert old.may_help(1, utc(2025, 4, 20), ARCHIVE)


def test_a_loaded_file_helps_only_when_what_it_brought_is_gone() -> None:
    known = KnownFile(FEBRUARY, FileState.LOADED, utc(2024, 3, 5), "0" * 64, 29 * 288 - 3)
    published = Published(utc(2024, 9, 5), ARCHIVE, {FEBRUARY: known})
    assert not published.may_help(FEBRUARY, 3)
    assert published.may_help(FEBRUARY, 4)
