from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from candlehouse.core.judging.evidence import Answer, Check, Informant, clip_checks, overlay_checks
from candlehouse.core.model import Span

T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OWN, OTHER = "AUSDT", "BUSDT"


def span(first: int, last: int) -> Span:
    return Span(T0 + first * HOUR, T0 + last * HOUR)


def nothing(
    first: int, last: int, at: int, subject: str = OWN, informant: Informant = Informant.REST
) -> Check:
    return Check(span(first, last), subject, informant, Answer.NOTHING, T0 + at * HOUR)


def test_neighbours_that_were_answered_together_are_one() -> None:
    assert overlay_checks(OWN, [nothing(0, 2, 9)], [nothing(2, 5, 9)]) == [nothing(0, 5, 9)]
    apart = [nothing(0, 2, 8), nothing(2, 5, 9)]
    assert overlay_checks(OWN, apart[:1], apart[1:]) == apart


def test_the_latest_answer_about_a_slot_stays() -> None:
    known = [nothing(0, 10, 8)]
    fresh = [nothing(3, 5, 9)]
    assert overlay_checks(OWN, known, fresh) == [
        nothing(0, 3, 8), nothing(3, 5, 9), nothing(5, 10, 8),
    ]  # fmt: skip
    # What is learned late of an earlier answer does not hide a newer one.
    assert overlay_checks(OWN, fresh, known) == overlay_checks(OWN, known, fresh)


def test_who_was_asked_and_about_whom_is_kept_apart() -> None:
    checks = [
        nothing(0, 2, 9, OTHER, Informant.ARCHIVE),
        nothing(0, 2, 9, OTHER),
        nothing(0, 2, 9, OWN, Informant.ARCHIVE),
        nothing(0, 2, 9),
    ]
    assert set(overlay_checks(OWN, checks[:2], checks[2:])) == set(checks)


def test_a_new_verdict_takes_new_witnesses() -> None:
    known = [nothing(0, 9, 1), nothing(0, 9, 1, OTHER), nothing(0, 9, 1, "CUSDT")]
    after = overlay_checks(OWN, known, [nothing(2, 4, 5, OTHER)], [span(2, 4)])
    assert set(after) == {
        nothing(0, 9, 1),
        nothing(0, 2, 1, OTHER), nothing(2, 4, 5, OTHER), nothing(4, 9, 1, OTHER),
        nothing(0, 2, 1, "CUSDT"), nothing(4, 9, 1, "CUSDT"),
    }  # fmt: skip


def test_clipping_leaves_what_is_said_of_the_ranges() -> None:
    checks = [nothing(0, 4, 9), nothing(6, 8, 9, OTHER)]
    assert clip_checks(checks, [span(3, 7)]) == [nothing(3, 4, 9), nothing(6, 7, 9, OTHER)]


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_answers_is_a_table_of_the_latest(seed: int) -> None:
    random = Random(seed)
    kept: list[Check] = []
    latest: dict[tuple[str, Informant, datetime], tuple[datetime, Answer]] = {}
    for _ in range(12):
        first = random.randrange(20)
        check = Check(
            span(first, first + random.randrange(1, 8)),
            random.choice((OWN, OTHER)),
            random.choice((Informant.REST, Informant.ARCHIVE)),
            random.choice((Answer.NOTHING, Answer.PRESENT)),
            T0 + random.randrange(5) * HOUR,
        )
        kept = overlay_checks(OWN, kept, [check])
        at = check.span.start
        while at < check.span.end:
            key = (check.subject, check.informant, at)
            if key not in latest or latest[key][0] <= check.asked_at:
                latest[key] = (check.asked_at, check.answer)
            at += HOUR
    told = {}
    for check in kept:
        at = check.span.start
        while at < check.span.end:
            assert (check.subject, check.informant, at) not in told
            told[check.subject, check.informant, at] = (check.asked_at, check.answer)
            at += HOUR
    assert told == latest
    for left, right in pairwise(kept):
        touching = left.span.end == right.span.start and left.subject == right.subject
        same = (left.informant, left.answer, left.asked_at) == (
            right.informant, right.answer, right.asked_at,
        )  # fmt: skip
        assert not (touching and same)
