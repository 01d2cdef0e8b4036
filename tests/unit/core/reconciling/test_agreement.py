from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.reconciling.agreement import (
    Agreement,
    choose_days,
    choose_files,
    count_agreement,
    is_late,
    rolling_window,
    split_days,
)
from candlehouse.core.timeframe import DAY, Timeframe
from candlehouse.exchange.binance.facts import ARCHIVE

T0 = datetime(2024, 2, 28, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)


def hours(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


def at(*hours: int) -> list[datetime]:
    return [T0 + hour * HOUR for hour in hours]


def test_candles_are_counted_by_day_and_by_where_they_came_from() -> None:
    stored = dict.fromkeys(at(20, 21, 24), Source.STREAM) | dict.fromkeys(at(22, 25), Source.REST)
    found = count_agreement(hours(20, 26), stored, at(20, 21, 22, 23, 25), at(21, 25))
    assert sorted(found, key=str) == sorted(
        [
            Agreement(hours(20, 24), Source.STREAM, compared=2, differing=1),
            Agreement(hours(20, 24), Source.REST, compared=1),
            Agreement(hours(20, 24), None, source_only=1),
            Agreement(hours(24, 26), Source.STREAM, held_only=1),
            Agreement(hours(24, 26), Source.REST, compared=1, differing=1),
        ],
        key=str,
    )


def test_a_day_without_any_candle_is_on_record_as_compared() -> None:
    assert count_agreement(hours(24, 26), {}, [], []) == [Agreement(hours(24, 26), None)]


def test_a_range_is_split_at_midnights() -> None:
    assert split_days(hours(20, 50)) == [hours(20, 24), hours(24, 48), hours(48, 50)]
    assert split_days(hours(24, 24)) == []


def test_the_window_is_three_whole_days_and_today() -> None:
    now = T0 + 9 * HOUR
    assert rolling_window(now) == Span(T0 - 3 * DAY, now)


@pytest.mark.parametrize(
    ("first", "last", "now", "names"),
    [
        # Four days of a month that is out: its file. The fifth lies in one that is not.
        ("2024-02-26", "2024-03-02", "2024-03-05", ["2024-02", "2024-03-01"]),
        (
            "2024-02-27", "2024-03-02", "2024-03-05",
            ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"],
        ),
        # The month's file comes on its first Monday, the fourth.
        ("2024-02-26", "2024-02-28", "2024-03-03", ["2024-02-26", "2024-02-27"]),
        # The last day's file comes six hours after it.
        ("2024-03-01", "2024-03-03", "2024-03-03", ["2024-03-01"]),
    ],
)  # fmt: skip
def test_months_are_taken_where_days_would_be_many(
    first: str, last: str, now: str, names: list[str]
) -> None:
    span = Span(*(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last)))
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    stems = [
        file.stem.removeprefix("BTCUSDT-1h-") for file in choose_files(BTC, span, moment, ARCHIVE)
    ]
    assert stems == names


def test_a_file_is_late_a_day_after_it_may_be_there() -> None:
    file = ArchiveFile(BTC, Tree.DAILY, T0)
    assert choose_days(BTC, file.span, T0 + 30 * HOUR, ARCHIVE) == [file]
    assert choose_days(BTC, file.span, T0 + 29 * HOUR, ARCHIVE) == []
    assert not is_late(file, T0 + 53 * HOUR, ARCHIVE)
    assert is_late(file, T0 + 54 * HOUR, ARCHIVE)
