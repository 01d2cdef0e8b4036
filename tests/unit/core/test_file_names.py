"""The names of files say which series they are of, or do not."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from candlehouse.core.file_names import series_of_file


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("BTCUSDT_1h.csv", "BTCUSDT 1h"),
        ("/a/1000SATSUSDT_1h.csv", "1000SATSUSDT 1h"),
        ("BTCUSDT-1m-2020-01-01.zip", "BTCUSDT 1m"),
        ("RD_BTCUSDT-1h-data.d227def.csv", "BTCUSDT 1h"),
        ("ETHUSDT/15m/2025-01-06.json", "ETHUSDT 15m"),
        ("BTCUSDT/1h/ETHUSDT_5m.csv", "ETHUSDT 5m"),
    ],
)
def test_a_name_or_folders_say_the_series(path: str, series: str) -> None:
    assert str(series_of_file(PurePath(path))) == series


@pytest.mark.parametrize(
    "path",
    ["prices.csv", "BTCUSDT-1mo-2024.zip", "BTCUSDT_3m.csv", "btcusdt_1h.csv", "ETHUSDT/x/1.json"],
)
def test_other_names_say_none(path: str) -> None:
    assert series_of_file(PurePath(path)) is None
