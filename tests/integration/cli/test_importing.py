"""`import` from a terminal: which files, of which series, and how it says what it did."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from candlehouse.storage.database.engine import connect
from support.servers.commands import Command

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
        "files": 2, "inserted": 7, "corrected": 0, "equal": 0, "refused": 0, "quarantined": 0,
        "missing": {"no_data": 1}, "columns_left_out": {}, "conflicts": [],
    }  # fmt: skip
    assert stored() == [("BTCUSDT", "1h", "rest", 3), ("ETHUSDT", "1h", "rest", 4)]
    code, out, _ = run(*files)
    assert code == 0, "all of it is stored already"
    assert out.startswith("2 files: 0 candles inserted, 0 corrected, 7 stored before")


def test_an_import_that_stores_nothing_fails_and_says_why(run: Command) -> None:
    Path("BTCUSDT_1h.csv").write_text("01/02/2024,2,3,1,2,7\n", encoding="ascii")
    code, out, err = run("BTCUSDT_1h.csv")
    assert code == 1
    assert out.startswith("1 files: 0 candles inserted")
    assert "error: nothing was stored; " in err
    assert "open_time '01/02/2024' is not understood" in err
    # Nor is anything stored of candles that are stored with other values from a better source.
    published = [f"{START_MS},2.0,3.0,1.0,2.5,7.1,{START_MS + HOUR_MS - 1},14,5,3,6,0\n"]
    Path("ETHUSDT_1h.csv").write_text("".join(published), encoding="ascii")
    assert run("ETHUSDT_1h.csv", "--source", "archive")[0] == 0
    Path("ETHUSDT_1h.csv").write_text(f"{START_MS},2.0,3.0,1.0,2.6,7.1\n", encoding="ascii")
    code, _, err = run("ETHUSDT_1h.csv", "--quiet")
    assert (code, err) == (1, "error: nothing was stored; 1 candles differ from what is stored\n")


def test_what_is_not_stored_of_files_and_where_they_differ_is_told(run: Command) -> None:
    row = "2024-01-01 00:00,2,3,1,{},7,14,x\n"
    for name, close in (("a/BTCUSDT_1h.csv", "2.5"), ("b/BTCUSDT_1h.csv", "2.6")):
        Path(name).parent.mkdir()
        header = "Date,Open,High,Low,Close,Volume,Quote Asset Volume,Note\n"
        Path(name).write_text(header + row.format(close), encoding="ascii")
    code, out, _ = run("a", "b")
    assert code == 0
    assert "columns that are not stored: Note (2 files)" in out
    assert "both have candles of BTCUSDT 1h and differ in 1 of them" in out
    code, out, _ = run("a", "b", "--json", "--quiet")
    found = json.loads(out)
    assert found["columns_left_out"] == {"Note": 2}
    assert [(one["series"], one["candles"]) for one in found["conflicts"]] == [("BTCUSDT 1h", 1)]


def test_a_plain_file_with_a_row_that_is_no_candle_loses_that_row_alone(run: Command) -> None:
    rows = [
        f"{START_MS + n * HOUR_MS},2.0,3.0,1.0,2.5,7.1,{START_MS + (n + 1) * HOUR_MS - 1},9,5,3,6,0"
        for n in range(24)
    ]
    rows[5] = rows[5].replace(",3.0,1.0,", ",1.0,3.0,")
    Path("BTCUSDT-1h-2024-01-01.csv").write_text("\n".join(rows), encoding="ascii")
    code, out, _ = run("BTCUSDT-1h-2024-01-01.csv", "--json", "--quiet")
    found = json.loads(out)
    assert (code, found["inserted"], found["quarantined"]) == (0, 23, 1)
    assert found["missing"] == {"pending": 1}


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
        (("BTCUSDT_2h.csv",), "2h is not a supported timeframe: 1m, "),
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
    assert ("give --symbol and --timeframe" in err) == ("neither its whole name" in err)
    assert stored() == []


def test_a_file_of_something_else_fails_in_one_line(run: Command) -> None:
    Path("BTCUSDT_1h.csv").write_text("<html>\n<p>404</p>\n", encoding="ascii")
    code, out, err = run("BTCUSDT_1h.csv")
    assert (code, out) == (1, "")
    assert err.startswith("error: BTCUSDT_1h.csv: ")
    assert err.count("\n") == 1
    save("BTCUSDT_1h.csv", 0)
    assert run("BTCUSDT_1h.csv", "--source", "archive")[0] == 1
