"""Reconciling from a terminal, with a stand-in's REST and files over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange, running
from support.servers.commands import Command

CLOCK = "2026-11-04T12:00:00Z"
SERIES = ("--symbols", "BTCUSDT,ETHUSDT", "--timeframes", "1h,4h")
RANGE = ("--start", "2026-10-30", "--end", "2026-11-04")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[RunningExchange]:
    with running(clock=CLOCK, frozen=True, seed=4, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(stand_in: RunningExchange) -> Iterator[RunningExchange]:
    # What the tests before used of a minute would be waited for.
    stand_in.set_limits(reset=True)
    yield stand_in
    stand_in.clear()


@pytest.fixture
def run(
    exchange: RunningExchange,
    warehouse_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> Command:
    """Runs one command; its exit code, output and remarks."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "CANDLEHOUSE_DATABASE_URL": warehouse_url,
        "BINANCE_REST_URL": exchange.url,
        "MAX_RETRIES": "2",
        "RETRY_DELAY": "0.01",
    }.items():
        monkeypatch.setenv(name, value)

    return command


@pytest.fixture
def engine(warehouse_url: str, run: Command) -> Iterator[Engine]:
    """Five days of four series as REST has them, some of them made a stream's that was wrong."""
    assert run("collect", "backward", *SERIES, *RANGE, "--quiet")[0] == 0
    engine = connect(warehouse_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE market.candles_1h SET source = 'stream'"))
        connection.execute(
            text(
                "UPDATE market.candles_1h SET volume = volume + 1"
                " WHERE symbol = 'BTCUSDT' AND extract(hour FROM open_time) IN (3, 17)"
            )
        )
    yield engine
    engine.dispose()


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM market.{table}")).scalar_one())


def figures(out: str) -> dict[tuple[str, str | None], tuple[int, int, int, int]]:
    return {
        (one["stored_from"], one["source"]): (
            one["compared"], one["differing"], one["held_only"], one["source_only"],
        )
        for one in json.loads(out)["agreement"]
        if any(one[name] for name in ("compared", "held_only", "source_only"))
    }  # fmt: skip


def test_a_range_is_compared_with_both_corrected_and_then_left_alone(
    run: Command, engine: Engine
) -> None:
    code, out, err = run("reconcile", *SERIES, *RANGE, "--json")
    assert (code, err) == (0, "")
    first = json.loads(out)
    held = count(engine, "candles_1h")
    longer = count(engine, "candles_4h")
    # Ten of the stream's were wrong, and are REST's since.
    assert figures(out) == {
        ("stream", "rest"): (held, 10, 0, 0),
        ("rest", "rest"): (longer, 0, 0, 0),
        ("stream", "archive"): (held - 10, 0, 0, 0),
        ("rest", "archive"): (longer + 10, 0, 0, 0),
    }
    assert (first["corrected"], first["refused"], first["failures"]) == (10, 0, {})
    # Five days and two symbols a timeframe; the newest file is out since six o'clock.
    assert (first["files"], first["unchanged"]) == (20, 0)
    assert rows(
        engine, "SELECT DISTINCT source_before, source_after, applied FROM market.corrections"
    ) == [("stream", "rest", True)]
    code, out, _ = run("reconcile", *SERIES, *RANGE, "--json")
    second = json.loads(out)
    assert (code, second["files"], second["unchanged"]) == (0, 0, 20)
    assert (second["corrected"], second["refused"]) == (0, 0)
    code, out, _ = run("reconcile", *SERIES, *RANGE, "--reload")
    assert code == 0
    assert "20 files loaded, 0 unchanged; 0 candles corrected" in out
    assert run("verify")[0] == 0


def test_a_plan_shows_pages_and_files_and_does_nothing(run: Command, engine: Engine) -> None:
    code, out, _ = run("reconcile", *SERIES, *RANGE, "--plan", "--json")
    plan = json.loads(out)
    # A page a series, though the files have all of it.
    assert (code, plan["requests"], plan["weight"], plan["files"]) == (0, 4, 8, 20)
    assert count(engine, "reconciliations") == 0


def test_without_a_range_the_last_days_are_compared(run: Command, engine: Engine) -> None:
    assert run("reconcile", *SERIES)[0] == 0
    assert rows(engine, "SELECT min(range_start)::text, max(range_end)::text"
                " FROM market.reconciliations WHERE timeframe = '1h'") == [
        # What closed within CLOSE_GRACE is left to those that collect it.
        ("2026-11-01 00:00:00+00", "2026-11-04 11:00:00+00")
    ]  # fmt: skip


def test_a_hole_of_rest_is_listed_and_stays(
    run: Command, engine: Engine, exchange: RunningExchange
) -> None:
    # 2026-11-02T06:00Z to 08:00Z.
    exchange.set_faults({"kind": "hole", "from_ms": 1_793_599_200_000, "to_ms": 1_793_606_400_000})
    held = count(engine, "candles")
    code, out, _ = run("reconcile", "--symbols", "BTCUSDT", "--timeframes", "1h", *RANGE, "--json")
    assert code == 0
    assert figures(out)["stream", "rest"][2] == 2
    assert count(engine, "candles") == held
    lacking = "SELECT DISTINCT symbol, source FROM market.unmatched_candles WHERE source = 'rest'"
    assert rows(engine, lacking) == [("BTCUSDT", "rest")]


def test_what_cannot_be_compared_is_named_and_the_rest_is_compared(
    run: Command, engine: Engine, exchange: RunningExchange
) -> None:
    exchange.set_faults({"kind": "500", "path": "/api/v3/klines", "symbol": "ETHUSDT"})
    code, out, err = run("reconcile", *SERIES, *RANGE, "--json")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: 2 could not be compared: ETHUSDT 1h: ")
    assert set(json.loads(out)["failures"]) == {"ETHUSDT 1h", "ETHUSDT 4h"}
    assert figures(out)["rest", "archive"][0] > 10
    assert "Traceback" not in err


def test_without_rest_the_files_are_compared(
    run: Command, engine: Engine, exchange: RunningExchange
) -> None:
    exchange.set_faults({"kind": "500", "path": "/api/v3/*"})
    code, out, err = run("reconcile", *SERIES, *RANGE, "--json")
    assert code == 1
    assert "error: 1 could not be compared: REST: " in err
    found = figures(out)
    assert {source for _, source in found} == {"archive"}
    # What the stream had wrong is the files' now.
    assert found["stream", "archive"][1] == 10


def test_a_symbol_that_nobody_knows_fails_in_one_line(run: Command, engine: Engine) -> None:
    code, _, err = run(
        "reconcile", "--symbols", "NOPEUSDT", "--timeframes", "1h", *RANGE, "--quiet"
    )
    assert (code, err) == (2, "error: symbols: the exchange has no NOPEUSDT\n")
    assert run("reconcile", "--start", "2026-10-30")[0] == 2
