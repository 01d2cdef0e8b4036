"""Attempts, waits and failures of the policy by which everything is tried again."""

from __future__ import annotations

import asyncio
import logging

import pytest

from candlehouse.core.errors import (
    ExchangeError,
    ExchangeUnavailable,
    MalformedPayload,
    RateLimited,
    RequestRejected,
)
from candlehouse.core.retries import Retries, respect_retry_after
from candlehouse.retrying import RetryPolicy, policy_of, wait_while_failing


class Failing:
    """Work that fails with each error in turn and then gives 42."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 42

    async def awaited(self) -> int:
        return self()


def insist(work: Failing, policy: RetryPolicy[ExchangeError]) -> list[float]:
    """Seconds that are slept until the work has succeeded."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    assert asyncio.run(policy.call_async(work.awaited, sleep)) == 42
    return slept


def test_work_is_called_until_it_succeeds_and_each_failure_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Failing(ValueError("first"), KeyError("second"))
    policy = RetryPolicy[Exception]("a trial", 3, (ValueError, KeyError))
    assert policy.call(work) == 42
    assert caplog.messages == [
        "a trial failed in attempt 1 of 3, the next attempt follows in 0.0 s: first",
        "a trial failed in attempt 2 of 3, the next attempt follows in 0.0 s: 'second'",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.mark.parametrize("is_async", [False, True])
def test_the_last_failure_is_raised_as_it_is(is_async: bool) -> None:
    last = ValueError("last")
    work = Failing(ValueError("first"), last)
    policy = RetryPolicy("a trial", 2, ValueError, delay_s=lambda attempt, _: 0.0)
    with pytest.raises(ValueError, match="last") as raised:
        asyncio.run(policy.call_async(work.awaited)) if is_async else policy.call(work)
    assert raised.value is last
    assert (last.__cause__, last.__context__) == (None, None)
    assert work.calls == 2


@pytest.mark.parametrize(
    "final", [KeyError(), KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()]
)
def test_other_failures_are_final(final: BaseException) -> None:
    work = Failing(final)
    with pytest.raises(type(final)):
        RetryPolicy("a trial", 5, ValueError).call(work)
    assert work.calls == 1


def test_delays_are_asked_by_number_and_failure_but_not_after_the_last_attempt() -> None:
    asked: list[tuple[int, str]] = []

    def delay_s(attempt: int, error: Exception) -> float:
        asked.append((attempt, str(error)))
        return attempt / 10

    work = Failing(*(ExchangeUnavailable(name) for name in "abc"))
    policy = RetryPolicy[ExchangeError]("a trial", 4, ExchangeUnavailable, delay_s=delay_s)
    assert insist(work, policy) == [0.1, 0.2, 0.3]
    assert asked == [(1, "a"), (2, "b"), (3, "c")]
    asked.clear()
    with pytest.raises(ExchangeUnavailable):
        insist(
            Failing(ExchangeUnavailable("a")), RetryPolicy("", 1, ExchangeError, delay_s=delay_s)
        )
    assert asked == []


def test_a_task_that_is_cancelled_makes_no_other_attempt() -> None:
    work = Failing()

    async def hang() -> None:
        work.calls += 1
        await asyncio.Event().wait()

    async def run() -> None:
        policy = RetryPolicy("a trial", 5, Exception)
        task = asyncio.create_task(policy.call_async(hang))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert work.calls == 1


def test_what_fails_outside_of_an_attempt_is_final() -> None:
    async def run() -> None:
        async for attempt in RetryPolicy("a trial", 5, ValueError).attempt_async(asyncio.sleep):
            work()
            with attempt:
                work()

    work = Failing(ValueError("outside"))
    with pytest.raises(ValueError, match="outside"):
        asyncio.run(run())
    assert work.calls == 1


def test_tasks_that_share_a_policy_count_their_own_attempts() -> None:
    policy = RetryPolicy("a trial", 3, ValueError, delay_s=lambda attempt, _: 0.001)
    works = [Failing(*(ValueError() for _ in range(number))) for number in (0, 1, 2, 2, 1, 0)]

    async def run() -> list[int]:
        return await asyncio.gather(*(policy.call_async(work.awaited) for work in works))

    assert asyncio.run(run()) == [42] * 6
    assert [work.calls for work in works] == [1, 2, 3, 3, 2, 1]


@pytest.fixture
def retries() -> Retries:
    return Retries(attempts=4, first_delay_s=2.0, draw=lambda: 0.0)


@pytest.mark.parametrize(
    ("error", "delay_s"),
    [
        (ExchangeUnavailable("down"), 1.0),
        (ExchangeUnavailable("down", wait_s=7.5), 7.5),
        (ExchangeUnavailable("down", wait_s=3600.0), 60.0),
        (MalformedPayload("cut"), 1.0),
        # The exchange's own word: neither jitter nor back-off.
        (RateLimited("gate", 120.0), 120.0),
    ],
)
def test_a_request_waits_as_long_as_its_failure_asks(
    retries: Retries, error: ExchangeError, delay_s: float
) -> None:
    assert insist(Failing(error), policy_of(retries)) == [delay_s]


@pytest.mark.parametrize("error", [RateLimited("gate", 120.5), RequestRejected("no")])
def test_what_cannot_succeed_soon_is_not_asked_again(
    retries: Retries, error: ExchangeError
) -> None:
    work = Failing(error)
    with pytest.raises(type(error)):
        insist(work, policy_of(retries))
    assert work.calls == 1


def test_a_request_can_be_limited_to_one_failure_and_fewer_attempts(retries: Retries) -> None:
    policy = policy_of(retries, MalformedPayload, 2)
    assert insist(Failing(MalformedPayload("")), policy) == [1.0]
    for errors in ([ExchangeUnavailable("")], [MalformedPayload(""), MalformedPayload("")]):
        with pytest.raises(type(errors[0])):
            insist(Failing(*errors), policy)
    assert policy_of(Retries(1), MalformedPayload, 3).attempts == 1


def test_a_wish_lengthens_a_delay_and_never_shortens_it() -> None:
    assert respect_retry_after(5.0, ExchangeUnavailable("", wait_s=2.0)) == 5.0
    assert respect_retry_after(5.0, MalformedPayload("")) == 5.0


def test_somebody_else_is_waited_for_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    work = Failing(BlockingIOError(), BlockingIOError())
    assert wait_while_failing(work, BlockingIOError, 0.0, 60.0) == 42
    assert work.calls == 3
    assert caplog.messages == []


def test_somebody_else_is_not_waited_for_any_longer_than_is_said() -> None:
    work = Failing(BlockingIOError("first"), BlockingIOError("second"))
    with pytest.raises(BlockingIOError, match="first"):
        wait_while_failing(work, BlockingIOError, 0.0, 0.0)
    assert work.calls == 1
