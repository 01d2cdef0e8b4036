"""`import` from a terminal: which files, of which series, and how it says what it did."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from candlehouse.storage.database import connect
from support.commands import Command

HOUR_MS = 3_600_000
START_MS = 1_704_067_200_000


@pytest.fixture
def run(
    fresh_database: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> Command:
    """Runs one command in a folder; its exit code, output and remarks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANDLEHOUSE_DATABASE_URL", fresh_database())

    return partial(command, "import")


def save(path: str, *hours: int) -> str:
    rows = [f"{START_MS + hour * HOUR_MS},2.0,3.0,1.0,2.5,7.1\n" for hour in hours]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(rows), encoding="ascii")
    return path


def stored() -> list[tuple[object, ...]]:
    engine = connect(os.environ["CANDLEHOUSE_DATABASE_URL"])
    sql = (
        "SELECT symbol, timeframe, source, count(*) FROM market.candles GROUP BY 1, 2, 3 ORDER BY 1"
    )
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(sql))]
    engine.dispose()
    return found


def test_names_say_the_series_and_json_says_what_was_done(run: Command) -> None:
    files = save("BTCUSDT_1h.csv", 0, 1, 3), save("ETHUSDT/1h/1.csv", 0, 1, 2, 3)
    code, out, err = run(*files, "--json", "--quiet")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "files": 2, "inserted": 7, "corrected": 0, "refused": 0, "quarantined": 0,
        "missing": {"no_data": 1}, "conflicts": [],
    }  # fmt: skip
    assert stored() == [("BTCUSDT", "1h", "rest", 3), ("ETHUSDT", "1h", "rest", 4)]
    code, out, _ = run(*files)
    assert code == 0
    assert out.startswith("2 files: 0 candles inserted, 0 corrected")


def test_options_say_the_series_where_a_name_does_not(run: Command) -> None:
    prices = save("prices.csv", 0, 1)
    assert run(prices, "--symbol", "XRPUSDT", "--timeframe", "1h")[0] == 0
    assert stored() == [("XRPUSDT", "1h", "rest", 2)]


def test_a_folder_is_searched_and_what_is_left_out_is_said(run: Command) -> None:
    save("set/BTCUSDT_1h.csv", 0, 1)
    save("set/more/ETHUSDT_1h.csv", 0, 1)
    save("set/README.csv", 0)
    save("set/notes.txt", 0)
    code, _, err = run("set")
    assert (code, len(stored())) == (0, 2)
    assert "left out" in err
    assert "README.csv" in err
    assert "notes.txt" not in err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "Missing argument"),
        (("nowhere.csv",), "does not exist"),
        (("prices.csv",), "prices.csv: neither its whole name"),
        (("prices.csv", "--symbol", "BTCUSDT"), "give --symbol and --timeframe"),
        (("BTC_FDUSD-1h.csv",), "BTC_FDUSD-1h.csv: neither its whole name"),
        (("BTCUSDT_2h.csv",), "2h is no timeframe that is kept: 1m, "),
        (("prices.csv", "--symbol", "btc/usdt", "--timeframe", "1h"), "not one symbol"),
        (("prices.csv", "--symbol", "A,B", "--timeframe", "1h"), "not one symbol"),
        (("prices.csv", "--symbol", "BTCUSDT", "--timeframe", "3m"), "is not one of"),
        (("prices.csv", "--source", "stream"), "is not one of"),
        (("empty",), "no files of candles"),
    ],
)
def test_wrong_usage_stores_nothing(arguments: tuple[str, ...], reason: str, run: Command) -> None:
    for name in ("prices.csv", "BTC_FDUSD-1h.csv", "BTCUSDT_2h.csv"):
        save(name, 0)
    Path("empty").mkdir()
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert reason in err
    assert stored() == []


def test_a_file_of_something_else_fails_in_one_line(run: Command) -> None:
    Path("BTCUSDT_1h.csv").write_text("<html>\n<p>404</p>\n", encoding="ascii")
    code, out, err = run("BTCUSDT_1h.csv")
    assert (code, out) == (1, "")
    assert err.startswith("error: BTCUSDT_1h.csv: ")
    assert err.count("\n") == 1
    save("BTCUSDT_1h.csv", 0)
    assert run("BTCUSDT_1h.csv", "--source", "archive")[0] == 1
