"""The REST side of a session waits failures out, and tells each as the one error that it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from candlehouse.core.errors import ExchangeUnavailable
from candlehouse.core.ports import MarketData
from candlehouse.core.task_groups import run_together
from candlehouse.pipelines.live.healing import rest_side
from candlehouse.pipelines.live.healing.rest_side import RestSide
from candlehouse.storage.warehouse import Warehouse


class Source:
    """Answers for no clock: it waits."""

    async def fetch_clock(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def open_source(_: Warehouse) -> AsyncIterator[Source]:
    yield Source()


class Settings:
    settings = None


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_side, "open_source", open_source)
    monkeypatch.setattr(rest_side, "_SHORTEST_PAUSE_S", 0.0)


async def fail(_: MarketData) -> None:
    async def refuse() -> None:
        raise ExchangeUnavailable("down")

    await run_together(refuse(), asyncio.sleep(60))


def run(*work: object) -> None:
    warehouse = cast(Warehouse, Settings())
    asyncio.run(RestSide(warehouse, work, lambda offset_ms: None).run())  # type: ignore[arg-type]


@pytest.mark.usefixtures("_quick")
def test_failures_are_waited_out_and_told_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    rounds = 0

    async def count(_: MarketData) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise ZeroDivisionError("a mistake of ours")
        await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError, match="a mistake of ours"):
        run(count, fail)
    assert caplog.messages == ["requests to REST pause for 0 s: down"] * 2
