"""The commands from a terminal, against a stand-in over a real socket and a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange, running
from support.servers.commands import Command

CLOCK = "2026-11-01T12:00:00Z"
RANGE = ("--timeframes", "1h", "--start", "2026-10-01", "--end", "2026-11-01")


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with running(clock=CLOCK, frozen=True, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def run(
    exchange: RunningExchange,
    warehouse_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> Command:
    """Runs one command; its exit code, output and remarks."""
    # What the tests before used of a minute would be waited for.
    exchange.set_limits(reset=True)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "CANDLEHOUSE_DATABASE_URL": warehouse_url,
        "BINANCE_REST_URL": exchange.url,
        "COINGECKO_URL": exchange.coingecko_url,
        "BINANCE_PRODUCTS_URL": exchange.products_url,
        "RETRY_DELAY": "0.01",
    }.items():
        monkeypatch.setenv(name, value)

    return command


def test_a_range_stands_alone_and_asking_again_asks_for_nothing(
    run: Command, exchange: RunningExchange
) -> None:
    collect = ("collect", "backward", "--symbols", "BTCUSDT,ETHUSDT", *RANGE, "--json")
    code, out, err = run(*collect)
    assert (code, err) == (0, "")
    first = json.loads(out)
    missing = sum(first["absent"].values())
    assert first["inserted"] + missing == 2 * 31 * 24
    code, out, _ = run(*collect)
    assert code == 0
    again = json.loads(out)
    assert (again["requests"], again["inserted"]) == (0, 0)
    code, out, _ = run("status", "--json")
    assert code == 0
    totals = json.loads(out)["totals"]
    assert totals["present"] == first["inserted"]
    assert (totals["absent"], totals["pending"]) == (missing, 0)
    assert run("verify")[:2] == (0, "coverage agrees with the candles\n")


def test_a_plan_shows_its_cost_and_does_nothing(run: Command, warehouse_url: str) -> None:
    arguments = ("collect", "backward", "--symbols", "BTCUSDT", *RANGE, "--plan")
    code, out, _ = run(*arguments)
    assert code == 0
    assert out.splitlines() == [
        "BTCUSDT 1h [2026-10-01T00:00, 2026-11-01T00:00) rest",
        "0 files, 1 requests, weight 2, up to 744 candles, about 0.0 MB and 0.0 s"
        # The list of pairs and a first candle: nothing was known of the symbol.
        "; making this plan used weight 22",
    ]
    assert run("status", "--json")[0] == 0
    engine = connect(warehouse_url)
    with engine.connect() as connection:
        for table in ("candles", "series", "collector_state", "gaps"):
            assert connection.execute(text(f"SELECT count(*) FROM market.{table}")).scalar() == 0
    engine.dispose()


def test_a_plan_takes_files_where_they_are_published(run: Command) -> None:
    arguments = (
        "collect", "backward", "--symbols", "BTCUSDT", "--timeframes", "5m",
        "--start", "2026-08-01", "--end", "2026-10-03T06:00",
    )  # fmt: skip
    code, out, _ = run(*arguments, "--plan", "--json")
    assert code == 0
    plan = json.loads(out)
    names = [fetch["file"].rpartition("/")[2] for fetch in plan["fetches"] if fetch["file"]]
    assert names == [f"BTCUSDT-5m-2026-{part}.zip" for part in ("08", "09", "10-01", "10-02")]
    assert (plan["files"], plan["requests"], plan["weight"]) == (4, 1, 2)
    assert plan["candles"] == 63 * 288 + 72
    assert plan["bytes"] > 0 < plan["seconds"]
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    assert json.loads(out)["files"] == 4
    assert run("verify")[0] == 0


def test_archives_can_be_switched_off(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLEHOUSE_ARCHIVES", "off")
    code, out, _ = run(
        "collect", "backward", "--symbols", "BTCUSDT", "--timeframes", "5m",
        "--start", "2026-08-01", "--end", "2026-09-01", "--plan", "--json",
    )  # fmt: skip
    assert code == 0
    assert (json.loads(out)["files"], json.loads(out)["requests"]) == (0, 9)


def test_what_has_not_closed_is_said_and_left(run: Command) -> None:
    code, out, err = run(
        "collect", "backward", "--symbols", "BTCUSDT", "--timeframes", "1h",
        "--start", "2026-11-01T06:00", "--end", "2026-11-03", "--json",
    )  # fmt: skip
    assert code == 0
    assert err == "left out: what lies after the exchange's now, 2026-11-01T12:00:00Z\n"
    assert json.loads(out)["inserted"] == 6


def test_the_universe_is_collected_forward_and_its_gaps_are_filled(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOP_N_CRYPTOS", "3")
    monkeypatch.setenv("TIMEFRAMES", "1h,4h")
    monkeypatch.setenv("COLLECTION_START_DATE", "2026-10-25")
    code, _, err = run("collect", "forward")
    assert code == 1
    assert "the universe is empty: refresh it first" in err
    assert run("universe", "refresh", "--quiet")[0] == 0
    assert run("collect", "forward")[0] == 0
    code, out, _ = run("status")
    assert code == 1, "October is wanted and not collected"
    assert "10 series" in out
    assert run("collect", "gaps")[0] == 0
    assert run("status")[0] == 0
    assert run("verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--symbols", "NOPEUSDT"), 2, "symbols: the exchange has no NOPEUSDT"),
        (("--symbols", "NOPEUSDT", "--plan"), 2, "symbols: the exchange has no NOPEUSDT"),
        (("--symbols", "btcusdt"), 2, "symbols are upper case, BTCUSDT"),
        (("--symbols", "BTC/USDT"), 2, "'BTC/USDT' is not a symbol such as BTCUSDT"),
        (("--symbols", ""), 2, "no symbol is named"),
        (("--timeframes", ","), 2, "no timeframe is named"),
        (("--timeframes", "7m"), 2, "unknown timeframe '7m': one of 1m, 5m"),
        (("--start", "2026-10-40"), 2, "'2026-10-40' is not a date or time"),
        (("--start", "0001-01-01T00:00+14:00"), 2, "in the years 1970 to 2199"),
        (("--start", "2026-10-02", "--end", "2026-10-01"), 2, "is not before end"),
        (("--start", "2027-01-01", "--end", "2027-02-01"), 2, "is in the future"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    run: Command, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    got, _, err = run("collect", "backward", "--symbols", "BTCUSDT", *RANGE, *arguments)
    assert got == code
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err


def test_status_of_what_was_never_heard_of_is_refused(run: Command) -> None:
    code, out, err = run("status", "--symbols", "NOPEUSDT")
    assert (code, out) == (2, "")
    assert err == "error: symbols: the warehouse knows no NOPEUSDT\n"


def test_a_range_without_an_end_is_refused(run: Command) -> None:
    code, _, err = run("collect", "backward", "--symbols", "BTCUSDT", "--start", "2026-10-01")
    assert code == 2
    assert "end is missing" in err


def test_one_symbol_that_fails_neither_stops_nor_hides_the_others(
    run: Command, exchange: RunningExchange
) -> None:
    exchange.set_faults({"kind": "500", "symbol": "ETHUSDT"})
    try:
        code, _, err = run("collect", "backward", "--symbols", "BTCUSDT,ETHUSDT", *RANGE)
    finally:
        exchange.clear()
    assert code == 1
    assert err.startswith("error: 1 series failed: ETHUSDT 1h: ")
    code, out, _ = run("status", "--json")
    lines = {line["symbol"]: line for line in json.loads(out)["series"]}
    assert lines["BTCUSDT"]["pending"] == 0
    assert lines["BTCUSDT"]["present"] > 700
    assert run("collect", "backward", "--symbols", "BTCUSDT,ETHUSDT", *RANGE)[0] == 0


def test_a_malformed_answer_leaves_nothing_half_written(
    run: Command, exchange: RunningExchange, warehouse_url: str
) -> None:
    exchange.set_faults({"kind": "malformed_row", "symbol": "BTCUSDT", "variant": "text"})
    try:
        code, _, err = run("collect", "backward", "--symbols", "BTCUSDT", *RANGE)
    finally:
        exchange.clear()
    assert code == 1
    assert "BTCUSDT 1h" in err
    engine = connect(warehouse_url)
    with engine.connect() as connection:
        for table in ("candles", "coverage_days", "gaps"):
            assert connection.execute(text(f"SELECT count(*) FROM market.{table}")).scalar() == 0
    engine.dispose()


def test_a_database_that_is_down_is_said_in_one_line(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/none")
    code, _, err = run("collect", "backward", "--symbols", "BTCUSDT", *RANGE)
    assert code == 1
    assert "Connection refused" in err
    assert "secret" not in err
    assert len(err.splitlines()) == 1
