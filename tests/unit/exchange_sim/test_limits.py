"""Weight by minute and by rolling window, refusals and growing bans, on made-up time."""

import random
from collections import deque

import pytest

from exchange_sim.limits import WeightLimiter, Window

# Forty seconds into a minute of the wall clock.
EPOCH_S = 1_000_000_000.0


def limiter(window: Window, limit: int = 100, **options: int) -> WeightLimiter:
    return WeightLimiter(limit, window, started=50.0, epoch_s=EPOCH_S, **options)


def test_minutes_begin_with_the_wall_clocks() -> None:
    book = limiter("minute")
    into = EPOCH_S % 60
    assert book.charge("a", 100, 50.0).status == 200
    refused = book.charge("a", 1, 51.5)
    assert (refused.status, refused.used) == (429, 100)
    assert refused.retry_after_s == pytest.approx(60 - into - 1.5, abs=1)
    assert book.charge("a", 1, 51.5 + refused.retry_after_s).status == 200


def test_a_rolling_window_frees_weight_exactly_sixty_seconds_later() -> None:
    book = limiter("rolling")
    book.charge("a", 60, 50.0)
    book.charge("a", 40, 80.0)
    refused = book.charge("a", 50, 90.0)
    assert (refused.status, refused.retry_after_s) == (429, 20)
    assert book.charge("a", 50, 109.9).status == 429
    assert book.charge("a", 50, 110.0).status == 200
    assert book.used("a", 110.0) == 90


def test_rolling_never_grants_more_than_the_limit_in_any_sixty_seconds() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    book, granted, now = limiter("rolling"), deque[tuple[float, int]](), 50.0
    for _ in range(3000):
        now += rng.expovariate(2)
        weight = rng.choice((1, 2, 4, 25, 40))
        verdict = book.charge("a", weight, now)
        while granted and granted[0][0] <= now - 60:
            granted.popleft()
        fits = sum(w for _, w in granted) + weight <= 100
        if verdict.status != 418:
            assert (verdict.status == 200) == fits
        if verdict.status == 200:
            granted.append((now, weight))


def test_addresses_do_not_share_a_limit() -> None:
    book = limiter("minute")
    book.charge("a", 100, 50.0)
    assert book.charge("b", 100, 50.0).status == 200
    assert book.used("c", 50.0) == 0


def test_hammering_through_refusals_bans_for_longer_each_time() -> None:
    book = limiter("rolling", ban_after=3, ban_s=120)
    lengths = []
    now = 50.0
    for _ in range(3):
        book.charge("a", 100, now)
        # What was on its way when the limit broke is not held against the client.
        assert {book.charge("a", 1, now + 0.5).status for _ in range(20)} == {429}
        statuses = [book.charge("a", 1, now + 2).status for _ in range(3)]
        assert statuses == [429, 429, 418]
        banned = book.charge("a", 1, now + 2)
        assert banned.status == 418
        assert book.banned_until_epoch_ms("a") == round(
            (EPOCH_S - 50.0 + now + 2 + banned.retry_after_s) * 1000
        )
        lengths.append(banned.retry_after_s)
        now += 2 + banned.retry_after_s + 100
    assert lengths == [120, 240, 480]
    assert book.banned == 6


def test_a_client_that_waits_is_never_banned() -> None:
    book = limiter("rolling", ban_after=2)
    now = 50.0
    for _ in range(50):
        book.charge("a", 100, now)
        wait = book.charge("a", 1, now).retry_after_s
        now += wait
    assert book.banned == 0


def test_bans_end_at_three_days() -> None:
    book = limiter("rolling", ban_after=1, ban_s=2 * 86_400)
    now = 50.0
    for wanted in (2 * 86_400, 3 * 86_400, 3 * 86_400):
        book.charge("a", 100, now)
        book.charge("a", 1, now)
        verdict = book.charge("a", 1, now + 2)
        assert (verdict.status, verdict.retry_after_s) == (418, wanted)
        now += 2 + wanted + 61


def test_the_record_says_what_each_second_and_full_minute_used() -> None:
    book = limiter("rolling", limit=1000)
    for second in (0, 0, 5, 61, 130):
        book.charge("a", 2, 50.0 + second)
    seconds = book.seconds(50.0 + 200)
    assert len(seconds) == 201
    assert {i: w for i, w in enumerate(seconds) if w} == {0: 4, 5: 2, 61: 2, 130: 2}
    minutes = book.minutes(50.0 + 200)
    assert sum(weight for _, weight, _ in minutes) == 10
    assert [full for _, _, full in minutes] == [False, True, True, True, False]
    assert all(start % 60 == 0 for start, _, _ in minutes)
    book.reset()
    assert book.used("a", 50.0 + 200) == 0
    assert sum(book.seconds(50.0 + 200)) == 10
