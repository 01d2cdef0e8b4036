"""Real files of every kind, served to the letter."""

import csv
import json
import zipfile
from pathlib import Path, PurePath

import pytest

from exchange_sim.klines.intervals import HOUR_MS, iso_ms
from exchange_sim.klines.paging import Query
from exchange_sim.replay.folder import FolderMarket
from exchange_sim.replay.naming import SeriesName, series_of, split_symbol
from exchange_sim.replay.reading import FolderError

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real candles in {DATA}")


def everything(market: FolderMarket, symbol: str, interval: str) -> list[list[object]]:
    rows: list[list[object]] = []
    start = 0
    while True:
        query = Query(symbol, interval, start, None, 1000)
        page = json.loads(market.klines(query, market.end_ms))
        if not page:
            return rows
        rows += page
        start = page[-1][0] + 1


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("BTCUSDT-1h-2021.csv", ("BTCUSDT", "1h")),
        ("1000SATSUSDT_1h.csv", ("1000SATSUSDT", "1h")),
        ("BTCUSDT-5m-data.csv", ("BTCUSDT", "5m")),
        ("币安人生USDT-1h-2025-10.zip", ("币安人生USDT", "1h")),
        ("ETHUSDT/15m/2025-01-06.json", ("ETHUSDT", "15m")),
        ("BTCUSDT/1mo/BTCUSDT-1mo-2024-01.zip", ("BTCUSDT", "1M")),
    ],
)
def test_a_files_place_says_its_series(path: str, series: tuple[str, str]) -> None:
    assert series_of(PurePath(path)) == SeriesName(*series)


@pytest.mark.parametrize("path", ["MANIFEST.csv", "README.md", "x/y/a.json", "BTCUSDT-1h.txt"])
def test_other_files_hold_no_candles(path: str) -> None:
    assert series_of(PurePath(path)) is None


@pytest.mark.parametrize(
    "path",
    [
        "BTC_FDUSD-1h.json",
        "BTCUSDT_240329-1h-2024-03.csv",
        "币安_BTCUSDT-1h.csv",
        "FDUSD-1h.csv",
        "BINANCE/1h/BTC.json",
        "BINANCE/1h/2024-01.json",
    ],
)
def test_a_folder_with_a_name_that_only_a_guess_could_read_is_refused(
    path: str, tmp_path: Path
) -> None:
    file = tmp_path / path
    write(file.parent, file.name, line(0))
    with pytest.raises(FolderError, match=file.name):
        FolderMarket(tmp_path)


def test_symbols_split_at_a_known_quote() -> None:
    assert split_symbol("1000SATSUSDT") == ("1000SATS", "USDT")
    assert split_symbol("ETHBTC") == ("ETH", "BTC")
    assert split_symbol("WHATEVER") == ("WHATEVER", "")


@needs_data
def test_archive_files_keep_their_text_and_lose_their_microseconds() -> None:
    market = FolderMarket(DATA / "vision_csv")
    wanted = []
    for path in sorted((DATA / "vision_csv").glob("BTCUSDT-1d-*.csv")):
        for row in csv.reader(path.read_text("ascii").splitlines()):
            factor = 1000 if int(row[0]) > 10**14 else 1
            times = (int(row[0]) // factor, int(row[6]) // factor)
            wanted.append([times[0], *row[1:6], times[1], row[7], int(row[8]), *row[9:]])
    assert everything(market, "BTCUSDT", "1d") == wanted
    assert len(wanted) == 1826


@needs_data
def test_rest_pages_come_back_with_their_anomalies() -> None:
    folder = DATA / "finom_rest_klines_1h_2022-07_2023-12"
    market = FolderMarket(folder / "ADAUSDT")
    wanted = [
        row
        for path in sorted((folder / "ADAUSDT" / "1h").glob("*.json"))
        for row in json.loads(path.read_text("utf-8"))
    ]
    served = everything(market, "ADAUSDT", "1h")
    assert served == wanted
    opens = {row[0]: row for row in served}
    # The outage of 2023-03-24: a candle cut short, then an hour without one.
    cut_short = opens[iso_ms("2023-03-24T12:00")]
    assert cut_short[6] - cut_short[0] == 2_380_151  # type: ignore[operator]
    assert iso_ms("2023-03-24T13:00") not in opens


@needs_data
def test_zips_and_client_files_are_read(tmp_path: Path) -> None:
    zips = FolderMarket(DATA / "vision_zip_1m")
    assert len(everything(zips, "BTCUSDT", "1m")) == 3 * 1440
    for number, path in enumerate(sorted((DATA / "pybinance_csv").glob("*5m*.csv"))):
        (tmp_path / f"BTCUSDT-5m-{number}.csv").symlink_to(path)
    clients = FolderMarket(tmp_path)
    first = everything(clients, "BTCUSDT", "5m")[0]
    assert first[0] == iso_ms("2021-05-31T13:10")
    assert first[1] == "36721.60000000"
    assert json.loads(clients.klines(Query("BTCUSDT", "5m", iso_ms("2022-08-01"), None, 1),
                                     clients.end_ms))[0][1] == "23296.36"  # fmt: skip


@needs_data
def test_sets_of_fewer_columns_are_known_and_not_served() -> None:
    market = FolderMarket(DATA / "ohlcv6_1h_top60_2023H2")
    assert len(market.instruments(market.end_ms)) == 60
    reason = market.unserved("BTCUSDT", "1h")
    assert reason is not None
    assert "fewer than 12 columns" in reason
    assert market.unserved("BTCUSDT", "5m") is None
    assert market.klines(Query("BTCUSDT", "5m", None, None, 5), market.end_ms) == b"[]"


def write(folder: Path, name: str, *rows: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(rows) + "\n", encoding="ascii")


def line(open_ms: int, close: str = "11") -> str:
    return f"{open_ms},10,12,9,{close},5,{open_ms + HOUR_MS - 1},55,7,2,22,0"


def test_only_closed_rows_are_served_and_the_status_follows_the_clock(tmp_path: Path) -> None:
    start = iso_ms("2024-05-01")
    write(tmp_path, "ETHBTC-1h.csv", *(line(start + hour * HOUR_MS) for hour in range(3)))
    market = FolderMarket(tmp_path)
    assert market.end_ms == start + 3 * HOUR_MS
    assert market.instrument("ETHBTC", start - 1) is None
    page = market.klines(Query("ETHBTC", "1h", None, None, 10), start + 2 * HOUR_MS + 5)
    assert len(json.loads(page)) == 2
    for later, status in ((24, "TRADING"), (25, "BREAK")):
        found = market.instrument("ETHBTC", market.end_ms + later * HOUR_MS)
        assert found is not None
        assert found.status == status


def test_the_later_of_two_rows_with_one_open_time_counts(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h.csv", line(0), line(HOUR_MS, "10.5"), line(HOUR_MS, "11.5"))
    market = FolderMarket(tmp_path)
    rows = everything(market, "BTCUSDT", "1h")
    assert [row[4] for row in rows] == ["11", "11.5"]
    assert market.last_price("BTCUSDT", market.end_ms) == (1_150_000_000, 8)


def test_identity_follows_the_content(tmp_path: Path) -> None:
    for name, close in (("a", "11"), ("b", "11"), ("c", "12")):
        write(tmp_path / name, "BTCUSDT-1h.csv", line(0, close))
    first, same, other = (FolderMarket(tmp_path / name).market_id for name in "abc")
    assert first == same != other
    assert first.startswith("folder-")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("BTCUSDT-1h.csv", line(0).replace("12", "twelve"), "row 1: 'twelve' is not a number"),
        ("BTCUSDT-1h.csv", "yesterday,1,1,1,1,1,1,1,1,1,1,0\n" + "x,", "row 1"),
        ("BTCUSDT-1h.json", '{"code":-1121}', "not a page of klines"),
        ("BTCUSDT-1h.zip", "PK but not really", "not a zip file"),
        ("notes.txt", "nothing", "no candle files"),
    ],
)
def test_a_folder_that_cannot_be_served_says_why(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    write(tmp_path, name, content)
    with pytest.raises(FolderError, match=reason):
        FolderMarket(tmp_path)


def test_a_zip_with_a_header_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "BTCUSDT-1h-2024-01.zip", "w") as archive:
        archive.writestr("BTCUSDT-1h-2024-01.csv", "open_time,open\n" + line(0) + "\n")
    assert len(everything(FolderMarket(tmp_path), "BTCUSDT", "1h")) == 1
