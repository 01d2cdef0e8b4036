"""Tasks side by side raise one error of ours, never a group of errors."""

from __future__ import annotations

import asyncio

import pytest

from candlehouse.core.errors import ExchangeUnavailable, MalformedPayload
from candlehouse.core.task_groups import find_first, run_together, task_group

ERROR = ExchangeUnavailable("down")


async def fail(error: BaseException = ERROR) -> None:
    raise error


def test_the_first_error_arrives_as_it_is_and_ends_the_others() -> None:
    ended: list[str] = []

    async def hang(name: str, last: BaseException | None = None) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)
            if last is not None:
                raise last

    with pytest.raises(ExchangeUnavailable) as raised:
        asyncio.run(run_together(hang("a"), fail(), hang("b", MalformedPayload("in the end"))))
    assert raised.value is ERROR
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    assert sorted(ended) == ["a", "b"]


def test_an_error_keeps_its_own_cause() -> None:
    async def fail_because() -> None:
        try:
            raise OSError("refused")
        except OSError as error:
            raise ExchangeUnavailable("down") from error

    with pytest.raises(ExchangeUnavailable) as raised:
        asyncio.run(run_together(fail_because()))
    assert str(raised.value.__cause__) == "refused"


def test_an_error_of_the_block_or_of_a_group_inside_arrives_as_it_is() -> None:
    async def block() -> None:
        async with task_group() as group:
            group.create_task(asyncio.sleep(60))
            raise ERROR

    for work in (block(), run_together(run_together(fail())), run_together(block())):
        with pytest.raises(ExchangeUnavailable) as raised:
            asyncio.run(work)
        assert raised.value is ERROR


def test_being_cancelled_stays_being_cancelled() -> None:
    async def run() -> None:
        task = asyncio.create_task(run_together(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_nothing_to_do_is_done() -> None:
    asyncio.run(run_together())


def test_the_first_of_groups_in_groups_is_found() -> None:
    groups = BaseExceptionGroup("", [BaseExceptionGroup("", [ERROR, OSError()]), OSError()])
    assert find_first(groups) is ERROR
