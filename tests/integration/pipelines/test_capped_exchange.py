"""A server that sends other pages than it was asked for leaves the same warehouse as a good one.

The commands run against a real stand-in: whatever it caps, skips, repeats or overlaps, every
candle is stored and every missing one has the verdict that a complete answer gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from candlehouse.cli import main
from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange, running

# The market of this seed has an outage in the range of 4h, and a symbol that is listed in it.
RANGES = {
    "4h": ("2024-01-01", "2025-01-01"),
    "1h": ("2024-03-01", "2024-05-01"),
    "5m": ("2024-03-01", "2024-03-08"),
}
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with running(clock="2025-02-10T12:00:00Z", frozen=True, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def collected(
    exchange: RunningExchange,
    fresh_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[Rows, Rows]]:
    """Collects a timeframe into a new warehouse; gives its candles and its gaps."""
    monkeypatch.chdir(tmp_path)

    def collect(timeframe: str, archives: str, *faults: dict[str, Any]) -> tuple[Rows, Rows]:
        url = fresh_database(timescale=False)
        for name, value in {
            "CANDLEHOUSE_DATABASE_URL": url,
            "CANDLEHOUSE_ARCHIVES": archives,
            "BINANCE_REST_URL": exchange.url,
            "BINANCE_ARCHIVE_URL": exchange.url,
            "RETRY_DELAY": "0.01",
        }.items():
            monkeypatch.setenv(name, value)
        start, end = RANGES[timeframe]
        # What was used of a minute before would be waited for.
        exchange.set_limits(reset=True)
        exchange.set_faults(*faults)
        try:
            command = ["collect", "backward", "--symbols", "BTCUSDT,ETHUSDT", "--quiet"]
            assert main([*command, "--timeframes", timeframe, "--start", start, "--end", end]) == 0
        finally:
            exchange.clear()
        return _select(url)

    return collect


def _select(url: str) -> tuple[Rows, Rows]:
    engine = connect(url)
    with engine.connect() as connection:
        candles = connection.execute(
            text(
                "SELECT symbol, open_time, close_time, open, high, low, close, volume, trades"
                " FROM market.candles ORDER BY symbol, open_time"
            )
        )
        gaps = connection.execute(
            text(
                "SELECT symbol, gap_start, gap_end, verdict FROM market.gaps"
                " ORDER BY symbol, gap_start"
            )
        )
        rows = [tuple(row) for row in candles], [tuple(row) for row in gaps]
    engine.dispose()
    return rows


@pytest.mark.parametrize("archives", ["on", "off"])
@pytest.mark.parametrize(
    ("timeframe", "faults"),
    [
        pytest.param("4h", [{"kind": "cap", "rows": 300}], id="4h-300"),
        pytest.param("4h", [{"kind": "cap", "rows": 499}], id="4h-499"),
        pytest.param("1h", [{"kind": "cap", "rows": 100}], id="1h-100"),
        pytest.param("5m", [{"kind": "cap", "rows": 7}], id="5m-7"),
        pytest.param("1h", [{"kind": "cap", "rows": 90, "variant": "newest"}], id="1h-newest"),
        pytest.param(
            "1h",
            [
                {"kind": "skip", "rows": 5, "probability": 0.5},
                {"kind": "overlap", "rows": 3, "probability": 0.5},
                {"kind": "repeat", "rows": 2, "probability": 0.5},
            ],
            id="1h-skips-overlaps-repeats",
        ),
    ],
)
def test_pages_that_were_not_asked_for_leave_the_same_candles_and_verdicts(
    collected: Callable[..., tuple[Rows, Rows]],
    timeframe: str,
    faults: list[dict[str, Any]],
    archives: str,
) -> None:
    candles, gaps = collected(timeframe, archives)
    assert candles
    assert "pending" not in {verdict for *_, verdict in gaps}

    assert collected(timeframe, archives, *faults) == (candles, gaps)
