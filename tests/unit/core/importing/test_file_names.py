"""The names of files say which series they are of, or do not."""

from __future__ import annotations

import re
from pathlib import PurePath

import pytest

from candlehouse.core.errors import UnclearName, UnreadableFile
from candlehouse.core.importing.file_names import is_candle_file, series_of_file
from candlehouse.exchange.binance.facts import FILE_NAMES


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("BTCUSDT_1h.csv", "BTCUSDT 1h"),
        ("/a/1000SATSUSDT_1h.csv", "1000SATSUSDT 1h"),
        ("BTCUSDT-1m-2020-01-01.zip", "BTCUSDT 1m"),
        ("BTCUSDT-1h-2020-01 (1).zip", "BTCUSDT 1h"),
        ("BTCUSDT-1h-data.csv.gz", "BTCUSDT 1h"),
        ("Binance_ETHBTC_1d.parquet", "ETHBTC 1d"),
        ("币安人生USDT-1h-2025-10.zip", "币安人生USDT 1h"),
        ("TUSDT_1h.csv", "TUSDT 1h"),
        ("ETHUSDT/15m/2025-01-06.json", "ETHUSDT 15m"),
        ("ETHUSDT/15m/data_1.csv", "ETHUSDT 15m"),
        ("BTCUSDT/1h/ETHUSDT_5m.csv", "ETHUSDT 5m"),
    ],
)
def test_a_whole_name_or_folders_say_the_series(path: str, series: str) -> None:
    assert str(series_of_file(PurePath(path), FILE_NAMES)) == series


@pytest.mark.parametrize(
    "path",
    [
        "prices.csv",
        "btcusdt_1h.csv",
        "ETHUSDT/x/1.json",
        # Of each of these a piece looks like the name of a series.
        "BTC_FDUSD-1h.json",
        "ETH_FDUSD-1h.json",
        "BTCUSDT_240329-1h-2024-03.csv",
        "RD_BTCUSDT-1h-data.d227def.csv",
        "币安_BTCUSDT-1h.csv",
        "币安btcUSDT-1h.csv",
        "1000.SATSUSDT-1h.csv",
        "BTCUSDT-1h-ETHUSDT.csv",
        "FDUSD_1h.csv",
        "PRICES-1d-2024.csv",
        "USDT-1h.csv",
        "BINANCE/1h/BTC.json",
        "BINANCE/1h/2024-01.json",
        "BTCUSDT/1h/ETHUSDT.json",
    ],
)
def test_a_piece_of_a_name_says_nothing(path: str) -> None:
    with pytest.raises(UnclearName, match=re.escape(path)):
        series_of_file(PurePath(path), FILE_NAMES)


@pytest.mark.parametrize("path", ["BTCUSDT_2h.csv", "BTCUSDT-1mo-2024.zip", "BTCUSDT/3m/1.csv"])
def test_a_timeframe_that_is_not_kept_is_named(path: str) -> None:
    with pytest.raises(UnreadableFile, match="is not a supported timeframe: 1m, 5m") as raised:
        series_of_file(PurePath(path), FILE_NAMES)
    assert not isinstance(raised.value, UnclearName), "the name is clear"


def test_files_of_candles_are_told_by_how_their_names_end() -> None:
    names = (
        "a.csv",
        "a.CSV.gz",
        "a.json",
        "a.zip",
        "a.parquet",
        "a.gz",
        "csv",
        "a.txt",
        "a.csv.bak",
    )
    assert [name for name in names if is_candle_file(PurePath(name))] == list(names[:5])
