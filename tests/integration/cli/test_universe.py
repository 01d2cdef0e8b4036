from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from sqlalchemy import text

from candlehouse.storage.database.engine import connect
from exchange_sim.testing import RunningExchange, running
from support.servers.commands import Command


@pytest.fixture(scope="module")
def stand_in() -> Iterator[RunningExchange]:
    with running(seed=7, clock="2024-06-01", frozen=True, weight_limit=100_000) as exchange:
        yield exchange


@pytest.fixture
def url(stand_in: RunningExchange) -> str:
    # What the tests before used of a minute would be waited for.
    stand_in.set_limits(reset=True)
    return stand_in.url


@pytest.fixture
def run(
    url: str,
    fresh_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> Command:
    """Runs a command on a warehouse of its own: exit code, standard output, standard error."""
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", fresh_database(timescale=False))
    monkeypatch.setenv("BINANCE_REST_URL", url)
    monkeypatch.setenv("COINGECKO_URL", f"{url}/coingecko")
    monkeypatch.setenv("BINANCE_PRODUCTS_URL", url)

    def run(*arguments: str) -> tuple[int, str, str]:
        code, out, err = command(*arguments)
        return code, out.strip(), err.strip()

    return run


def test_members_are_chosen_and_shown(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run("universe", "show")
    assert (code, out) == (1, "")

    assert run("universe", "refresh") == (0, "52 pairs by coingecko; joined: 52", "")
    code, out, err = run("universe", "show")
    assert (code, err) == (0, "")
    assert "52 pairs as of 2024-06-01T00:00:00Z" in out
    assert "ranked by coingecko" in out

    monkeypatch.setenv("SYMBOLS", "BTCUSDT,ETHUSDT")
    code, out, _ = run("universe", "refresh", "--json")
    assert (code, json.loads(out)["source"], len(json.loads(out)["left"])) == (0, "settings", 50)
    _, out, _ = run("universe", "show", "--json")
    assert [member["symbol"] for member in json.loads(out)["members"]] == ["BTCUSDT", "ETHUSDT"]
    _, out, _ = run("universe", "show", "--at", "2024-06-01", "--json")
    first = json.loads(out)["members"][0]
    assert first["symbol"] == "BTCUSDT"
    assert Decimal(first["market_cap_usd"]) > 10**12


def test_moment_before_the_first_snapshot_has_no_universe(run: Command) -> None:
    code, out, err = run("universe", "show", "--at", "2020-01-01T12:00")

    assert (code, out) == (1, "")
    assert err == (
        "error: there is no snapshot at 2020-01-01T12:00:00+00:00: make snapshots of past"
        " months with universe backfill"
    )


def test_unknown_symbol_is_a_wrong_setting(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBOLS", "NOSUCHUSDT")

    assert run("universe", "refresh") == (
        2, "", "error: SYMBOLS: the exchange has no NOSUCHUSDT",
    )  # fmt: skip


def test_source_that_was_not_used_is_remarked(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_URL", "http://127.0.0.1:1/no")
    monkeypatch.setenv("BINANCE_PRODUCTS_URL", "http://127.0.0.1:1/no")
    monkeypatch.setattr("candlehouse.exchange.json_requests._RETRY_DELAY_S", 0.0)

    code, out, err = run("universe", "refresh")

    assert (code, out.partition(";")[0]) == (0, "52 pairs by volume")
    assert "was not used: coingecko: http://127.0.0.1:1/no" in err


def test_shrunken_universe_fails_and_says_why(url: str, run: Command) -> None:
    cut = [
        {"kind": "part", "path": path, "rows": 4}
        for path in ("/coingecko/*", "/bapi/*", "/api/v3/ticker/24hr")
    ]
    request = urllib.request.Request(f"{url}/_sim/faults", json.dumps(cut).encode(), method="POST")
    with urllib.request.urlopen(request):
        pass
    try:
        code, out, err = run("universe", "refresh")
    finally:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/_sim/faults", method="DELETE")):
            pass

    assert (code, out) == (1, "")
    assert "binance: the source knows the size of 2 pairs, and 50 are needed" in err
    assert "ticker/24hr lacks" in err


def test_past_months_are_planned_made_and_shown(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTION_START_DATE", "2024-04-10")
    monkeypatch.setenv("TOP_N_CRYPTOS", "3")
    monkeypatch.setenv("TIMEFRAMES", "1d")
    run("universe", "refresh")
    backfill = ("universe", "backfill", "--to", "2024-05")

    code, out, _ = run(*backfill, "--plan", "--json")
    plan = json.loads(out)
    assert (code, plan["months"]) == (0, ["2024-04", "2024-05"])
    assert plan["weight"] == 2 * len(plan["to_ask"]) == 2 * plan["pairs"]
    assert run("universe", "show", "--at", "2024-05-02")[0] == 1

    code, out, err = run(*backfill)
    assert (code, err) == (0, "")
    assert out.startswith("2 months from 2024-04 to 2024-05 by volume; ")
    _, out, _ = run("universe", "show", "--at", "2024-05-02", "--json")
    assert (json.loads(out)["source"], len(json.loads(out)["members"])) == ("volume_backfill", 5)
    assert "ranked by volume_backfill" in run("universe", "show", "--at", "2024-05-02")[1]
    assert run(*backfill)[1].startswith("nothing to do")
    assert run("universe", "backfill", "--from", "2024-5x")[0] == 2
    code, _, err = run("universe", "backfill", "--from", "2024-05", "--to", "2024-04")
    assert (code, err) == (2, "error: the month 2024-05 comes after the month 2024-04")


def test_pairs_that_return_after_long_are_named(run: Command) -> None:
    run("universe", "refresh")
    engine = connect(os.environ["CANDLEHOUSE_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE market.instruments SET left_at = '2024-05-01' WHERE symbol = 'BTCUSDT'")
        )
    engine.dispose()
    code, out, _ = run("universe", "refresh")
    assert (code, out) == (0, "52 pairs by coingecko; trade again after long: BTCUSDT")
    assert json.loads(run("universe", "refresh", "--json")[1])["returned"] == []
