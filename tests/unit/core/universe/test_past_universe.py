"""Who was in the universe of a past month, by nothing that was not known then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.months import month_after, month_before, month_of, months_from
from candlehouse.core.universe.instruments import Instrument
from candlehouse.core.universe.past_universe import (
    MonthVolume,
    choose_months,
    find_unasked,
    rank_past,
    sum_months,
)

DAY = timedelta(days=1)
JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2024, month, 1, tzinfo=UTC) for month in range(1, 5))


def pair(base: str) -> Instrument:
    return Instrument(f"{base}USDT", base, "USDT", "BREAK")


def volume(base: str, traded: int, last_day: datetime = MARCH - DAY) -> MonthVolume:
    return MonthVolume(f"{base}USDT", FEBRUARY, Decimal(traded), 29, last_day)


def rank(*volumes: MonthVolume, current: str = "", top_n: int = 2) -> list[str]:
    by_symbol = {one.symbol: one for one in volumes}
    candidates = [pair(symbol.removesuffix("USDT")) for symbol in by_symbol]
    members = rank_past([*candidates, pair("NEVER")], by_symbol, set(current.split()), top_n)
    return [f"{one.rank} {one.base_asset}" for one in members]


def test_months_follow_each_other_over_the_year() -> None:
    assert month_of(datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)) == FEBRUARY
    assert month_before(JANUARY) == datetime(2023, 12, 1, tzinfo=UTC)
    assert month_after(month_before(JANUARY)) == JANUARY
    assert list(months_from(JANUARY, APRIL)) == [JANUARY, FEBRUARY, MARCH]


def test_days_are_summed_exactly_and_months_without_any_are_told() -> None:
    days = [
        (JANUARY + 30 * DAY, Decimal("0.1")),
        (FEBRUARY, Decimal("12345678901234567890.00000001")),
        (FEBRUARY + 2 * DAY, Decimal("0.2")),
        (APRIL, Decimal(9)),
    ]
    summed = Decimal("12345678901234567890.20000001")
    assert sum_months("X", [FEBRUARY, MARCH], days) == [
        MonthVolume("X", FEBRUARY, summed, 2, FEBRUARY + 2 * DAY),
        MonthVolume("X", MARCH, Decimal(0), 0, None),
    ]


def test_members_are_bitcoin_ether_and_what_was_traded_most() -> None:
    found = rank(volume("A", 5), volume("BTC", 1), volume("B", 7), volume("C", 6), volume("ETH", 2))
    assert found == ["1 B", "2 C", "4 ETH", "5 BTC"]


def test_pair_that_ended_before_the_month_did_is_no_member() -> None:
    # However much was traded of it while it fell.
    assert rank(volume("LUNA", 99, FEBRUARY + 12 * DAY), volume("A", 1)) == ["1 A"]
    # A day without any candle is an outage of the exchange.
    assert rank(volume("LATE", 1, MARCH - 2 * DAY)) == ["1 LATE"]
    assert rank(volume("EARLY", 1, MARCH - 3 * DAY)) == []


def test_member_stays_until_its_rank_passes_a_fifth_more() -> None:
    ranked = [volume(name, 10 - place) for place, name in enumerate("ABCDEFG")]
    stays = rank(*ranked, current="FUSDT", top_n=5)
    assert stays == ["1 A", "2 B", "3 C", "4 D", "6 F"]
    assert rank(*ranked, current="GUSDT", top_n=5) == ["1 A", "2 B", "3 C", "4 D", "5 E"]


def test_months_are_due_when_the_one_before_is_over_and_made_once() -> None:
    now = MARCH + timedelta(minutes=1)
    assert choose_months(JANUARY + 9 * DAY, APRIL, now, []) == [JANUARY, FEBRUARY, MARCH]
    assert choose_months(JANUARY, APRIL, MARCH, []) == [JANUARY, FEBRUARY]
    assert choose_months(JANUARY, FEBRUARY + DAY, now, [JANUARY]) == [FEBRUARY]
    assert choose_months(APRIL, APRIL, now, []) == []
    with pytest.raises(ConfigurationError, match="2024-03 comes after the month 2024-02"):
        choose_months(MARCH, FEBRUARY, now, [])


def test_what_was_asked_is_not_asked_again() -> None:
    known = {("A", JANUARY), ("A", FEBRUARY), ("B", JANUARY)}
    assert find_unasked("ABC", [JANUARY, FEBRUARY], known) == {
        "B": [FEBRUARY],
        "C": [JANUARY, FEBRUARY],
    }
