"""Genuine candles are as they must be: what the exchange published oddly included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from candlehouse.core.model import Span
from candlehouse.core.planning.windows import Scope, Window
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import Reach, ValidationScope
from candlehouse.pipelines.collecting.collect_run import collect_scope, judge_scope
from candlehouse.pipelines.validating.validate import validate
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse
from candlehouse.validation import suites
from exchange_sim.testing import running
from support.places import SHARED_DATA

DATA = SHARED_DATA
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the folder of real candles is not beside the project"
)
H1, D1, M15 = Timeframe.H1, Timeframe.D1, Timeframe.M15


@pytest.mark.parametrize(
    ("folder", "symbols", "first", "end", "parts", "odd_days"),
    [
        # Files of days and of hours do not say the same of four days, one of them flagged.
        ("vision_csv", ("BTCUSDT",), "2021-01-01", "2026-01-01", {D1: H1}, 3),
        (
            "finom_rest_klines_15m_2025Q1",
            ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
            "2025-01-01",
            "2025-04-01",
            {H1: M15, D1: H1},
            0,
        ),
    ],
)
def test_genuine_candles_pass(
    fresh_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    symbols: tuple[str, ...],
    first: str,
    end: str,
    parts: dict[Timeframe, Timeframe],
    odd_days: int,
) -> None:
    # The sets have no 5m: what is asked of it is asked of what they have.
    monkeypatch.setattr(suites, "PARTS", parts)
    url = fresh_database()
    timeframes = tuple({*parts, *parts.values()})
    span = Span(*(datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, end)))
    with running(
        folder=DATA / folder, clock=f"{end}T00:00:00Z", frozen=True, weight_limit=100_000
    ) as exchange:
        settings = load_settings(
            {
                "CANDLEHOUSE_HOME": str(tmp_path),
                "CANDLEHOUSE_DATABASE_URL": url,
                "BINANCE_REST_URL": exchange.url,
                "COLLECTION_START_DATE": first,
            }
        )
        engine = connect(url)

        async def collect() -> None:
            scope = Scope(Window.BACKWARD, timeframes, symbols, span)
            async with open_source(Warehouse(settings, engine)) as source:
                assert (
                    await collect_scope(Warehouse(settings, engine), source, scope)
                ).failures == {}
                await judge_scope(Warehouse(settings, engine), source, scope)

        try:
            asyncio.run(collect())
            report = validate(
                Warehouse(settings, engine),
                ValidationScope(Reach.EVERYTHING, timeframes=timeframes),
            )
        finally:
            engine.dispose()
    assert [str(one) for one in report.outcomes if one.fails_run] == []
    assert sum(one.unexpected for one in report.outcomes) == odd_days
    assert report.candles > 20_000
