from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.core.judging.evidence import Answer, Check, Informant
from candlehouse.core.judging.verdict_rules import (
    Ending,
    Facts,
    Life,
    Witness,
    checks_of_facts,
    checks_of_witnesses,
    is_pause,
    judge_by_facts,
    judge_by_witnesses,
    schedule_recheck,
)
from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe

T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERIES = Series("LUNAUSDT", Timeframe.H1)


def span(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


def verdicts(gaps: list[Gap]) -> list[tuple[Span, Verdict]]:
    return [(gap.span, gap.verdict) for gap in gaps]


def test_what_lies_before_the_first_candle_was_not_listed() -> None:
    # Listed at half past: the candle of that hour opens at the full one.
    facts = Facts(SERIES, T0 + 3 * HOUR + timedelta(minutes=30))
    found, rest = judge_by_facts(span(0, 5), facts)
    assert verdicts(found) == [(span(0, 3), Verdict.NOT_LISTED)]
    assert found[0].evidence == {"first_candle": (T0 + 3 * HOUR).isoformat()}
    assert rest == [span(3, 5)]


def test_a_series_without_any_candle_is_not_listed() -> None:
    found, rest = judge_by_facts(span(0, 5), Facts(SERIES, None))
    assert verdicts(found) == [(span(0, 5), Verdict.NOT_LISTED)]
    assert rest == []


def test_what_lies_after_the_last_candle_of_a_symbol_that_left_is_delisted() -> None:
    facts = Facts(SERIES, T0, trading=False, last_open_time=T0 + 4 * HOUR)
    found, rest = judge_by_facts(span(2, 9), facts)
    assert verdicts(found) == [(span(5, 9), Verdict.DELISTED)]
    assert rest == [span(2, 5)]


def test_between_two_assets_on_one_ticker_nothing_traded() -> None:
    lives = (Life("terra-luna", T0, T0 + 2 * HOUR), Life("terra-luna-2", T0 + 6 * HOUR, None))
    found, rest = judge_by_facts(span(1, 8), Facts(SERIES, T0, lives=lives))
    assert verdicts(found) == [(span(2, 6), Verdict.NOT_TRADING)]
    assert rest == [span(1, 2), span(6, 8)]


DAY_OF_END, DAY_OF_START = T0 + 24 * HOUR, T0 + 72 * HOUR


@pytest.mark.parametrize(
    ("first", "last", "claimed"),
    [
        # Both days' candles date it: it is as long as the hole.
        (25, 78, (25, 78)),
        # What a run asks for may end inside of it.
        (25, 48, (25, 48)),
        (72, 78, (72, 78)),
        # A hole between candles of one of the days is none, nor does it reach beyond them.
        (25, 30, None),
        (74, 78, None),
        (20, 99, (24, 96)),
    ],
)
def test_a_pause_that_is_known_to_the_day_is_dated_by_its_candles(
    first: int, last: int, claimed: tuple[int, int] | None
) -> None:
    lives = (Life("a", T0, DAY_OF_END), Life("b", DAY_OF_START, None))
    found, _ = judge_by_facts(span(first, last), Facts(SERIES, T0, lives=lives))
    expected = [] if claimed is None else [(span(*claimed), Verdict.NOT_TRADING)]
    assert verdicts(found) == expected


def test_a_pause_that_is_known_to_the_minute_begins_and_ends_with_slots() -> None:
    end, start = T0 + timedelta(minutes=40), T0 + 30 * HOUR
    lives = (Life("a", T0 - 9 * HOUR, end), Life("b", start, None))
    facts = Facts(SERIES, T0 - 9 * HOUR, lives=lives)
    found, rest = judge_by_facts(span(0, 32), facts)
    assert verdicts(found) == [(span(1, 30), Verdict.NOT_TRADING)]
    assert rest == [span(0, 1), span(30, 32)]
    days = replace(facts, series=Series("LUNAUSDT", Timeframe.D1))
    found, rest = judge_by_facts(span(0, 72), days)
    # Both of these days have a candle.
    assert (verdicts(found), rest) == ([], [span(0, 72)])


def test_nobody_has_it_is_an_outage_with_its_witnesses_counted() -> None:
    silent = [Witness(f"S{n}", ()) for n in range(7)]
    (gap,) = judge_by_witnesses(span(0, 2), silent)
    assert (gap.span, gap.verdict) == (span(0, 2), Verdict.EXCHANGE_OUTAGE)
    assert gap.evidence == {"witnesses": 7, "symbols": ["S0", "S1", "S2", "S3", "S4"]}


def test_without_a_witness_a_hole_stays_pending() -> None:
    (gap,) = judge_by_witnesses(span(0, 2), [])
    assert gap == Gap(span(0, 2), Verdict.PENDING, {"witnesses": 0})


def test_one_witness_who_has_part_of_it_splits_the_hole() -> None:
    witnesses = [Witness("A", ()), Witness("B", (span(1, 3),)), Witness("C", ())]
    found = judge_by_witnesses(span(0, 4), witnesses)
    assert verdicts(found) == [
        (span(0, 1), Verdict.EXCHANGE_OUTAGE),
        (span(1, 3), Verdict.NO_DATA),
        (span(3, 4), Verdict.EXCHANGE_OUTAGE),
    ]
    assert found[1].evidence == {"witnesses": 3, "have_it": ["B"]}


def said(symbol: str, informant: Informant, answer: Answer, first: int, last: int) -> Check:
    return Check(span(first, last), symbol, informant, answer, T0)


def test_witnesses_that_rest_was_asked_about_are_named_first() -> None:
    by_files = [
        Witness(f"A{n}", (), (said(f"A{n}", Informant.ARCHIVE, Answer.NOTHING, 0, 9),))
        for n in range(4)
    ]
    by_rest = [
        Witness(f"R{n}", (), (said(f"R{n}", Informant.REST, Answer.NOTHING, 0, 9),))
        for n in range(3)
    ]
    (gap,) = judge_by_witnesses(span(2, 4), [*by_files, *by_rest])
    assert gap.evidence == {
        "witnesses": 7,
        "symbols": ["R0", "R1", "R2", "A0", "A1"],
        "by_files_alone": 4,
    }
    assert checks_of_witnesses(gap, [*by_files, *by_rest]) == [
        said("A0", Informant.ARCHIVE, Answer.NOTHING, 2, 4),
        said("A1", Informant.ARCHIVE, Answer.NOTHING, 2, 4),
        *(said(f"R{n}", Informant.REST, Answer.NOTHING, 2, 4) for n in range(3)),
    ]


def test_testimony_is_of_those_who_have_what_is_missing() -> None:
    has_it = (
        said("B", Informant.WAREHOUSE, Answer.PRESENT, 1, 3),
        said("B", Informant.REST, Answer.NOTHING, 3, 4),
    )
    witnesses = [Witness("A", ()), Witness("B", (span(1, 3),), has_it)]
    _, alone, after = judge_by_witnesses(span(0, 4), witnesses)
    assert checks_of_witnesses(alone, witnesses) == [has_it[0]]
    assert checks_of_witnesses(after, witnesses) == [has_it[1]]


def test_listing_and_end_are_attested_where_it_is_known_when_they_were_asked() -> None:
    before = Gap(span(0, 2), Verdict.NOT_LISTED)
    after = Gap(span(7, 9), Verdict.DELISTED)
    lost = Gap(span(3, 4), Verdict.NO_DATA)
    ending = Ending(T0 + 6 * HOUR, Answer.UNKNOWN_SYMBOL, T0 + 9 * HOUR)
    assert checks_of_facts([before, lost, after], "A", T0, ending) == [
        said("A", Informant.REST, Answer.NOTHING, 0, 2),
        Check(span(7, 9), "A", Informant.REST, Answer.UNKNOWN_SYMBOL, T0 + 9 * HOUR),
    ]
    assert checks_of_facts([before, lost, after], "A", None, None) == []


def test_a_pause_is_what_others_have_of_a_symbol_that_came_back() -> None:
    alone = Gap(span(3, 4), Verdict.NO_DATA, {"witnesses": 3, "have_it": ["B"]})
    unseen = Gap(span(3, 4), Verdict.PENDING, {"witnesses": 0})
    silence = Gap(span(3, 4), Verdict.EXCHANGE_OUTAGE, {"witnesses": 3, "symbols": ["B"]})
    back, gone = Facts(SERIES, T0), Facts(SERIES, T0, trading=False, last_open_time=T0)
    assert is_pause(alone, "delisted", back)
    assert not is_pause(unseen, "delisted", back)
    assert is_pause(alone, "not_trading", gone)
    assert not is_pause(silence, "delisted", back)
    assert not is_pause(alone, "delisted", gone)
    assert not is_pause(alone, "no_data", back)
    assert not is_pause(alone, None, back)


def test_a_check_waits_no_longer_than_for_the_file_that_will_tell() -> None:
    gap = Gap(span(0, 1), Verdict.EXCHANGE_OUTAGE)
    soon, late = T0 + timedelta(minutes=20), T0 + timedelta(days=2)
    assert schedule_recheck(gap, [], T0, soon).next_check_at == soon
    assert schedule_recheck(gap, [], T0, late) == schedule_recheck(gap, [], T0)
    assert schedule_recheck(gap, [], T0, T0) == schedule_recheck(gap, [], T0)


def test_each_check_that_finds_nothing_waits_longer_for_the_next() -> None:
    waits = []
    gap = Gap(span(0, 1), Verdict.NO_DATA)
    earlier = Gap(span(0, 1), Verdict.PENDING)
    for _ in range(7):
        earlier = schedule_recheck(gap, [earlier], T0)
        assert earlier.next_check_at is not None
        waits.append(earlier.next_check_at - T0)
    assert waits == sorted(waits)
    assert waits[0] == timedelta(hours=1)
    assert waits[-1] == timedelta(days=30)
    assert earlier.evidence["checks"] == 7


def test_a_listing_is_final_unless_no_candle_was_ever_seen() -> None:
    listed = Gap(span(0, 1), Verdict.NOT_LISTED, {"first_candle": "2024-01-01"})
    unseen = Gap(span(0, 1), Verdict.NOT_LISTED, {"first_candle": None})
    assert schedule_recheck(listed, [], T0).next_check_at is None
    assert schedule_recheck(unseen, [], T0).next_check_at == T0 + timedelta(hours=1)
