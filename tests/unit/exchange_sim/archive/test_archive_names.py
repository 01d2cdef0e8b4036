"""Which archive files there are, from when, and what their names say."""

import pytest

from exchange_sim.archive_files.archive_names import files, parse_key
from exchange_sim.archive_files.store import csv_of, zip_of
from exchange_sim.klines.intervals import DAY_MS, HOUR_MS, iso_ms
from exchange_sim.market.synthetic import SyntheticMarket

MONTH_KEY = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip"


def test_a_month_appears_on_the_first_monday_of_the_next() -> None:
    file = parse_key(MONTH_KEY)
    assert file is not None
    assert file.key == MONTH_KEY
    assert (file.start_ms, file.end_ms) == (iso_ms("2024-02-01"), iso_ms("2024-03-01"))
    assert file.published_ms == iso_ms("2024-03-04T08:00")


def test_a_day_appears_hours_after_it_is_over() -> None:
    file = parse_key("data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02-29.zip")
    assert file is not None
    assert file.published_ms == iso_ms("2024-03-01T05:00")


@pytest.mark.parametrize(
    "key",
    [
        "data/spot/daily/klines/BTCUSDT/1w/BTCUSDT-1w-2024-02-05.zip",
        "data/spot/monthly/klines/BTCUSDT/1M/BTCUSDT-1M-2024-02.zip",
        "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-13.zip",
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02-30.zip",
        "data/spot/daily/klines/BTCUSDT/1h/ETHUSDT-1h-2024-02-01.zip",
        "data/spot/daily/klines/BTCUSDT/7m/BTCUSDT-7m-2024-02-01.zip",
        "data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02-01.zip",
        "../../etc/passwd",
    ],
)
def test_other_names_are_no_files(key: str) -> None:
    assert parse_key(key) is None


def test_the_month_folder_differs_from_the_minutes_in_any_case() -> None:
    file = parse_key("data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-02.zip")
    assert file is not None
    assert file.interval == "1M"


def test_only_published_periods_are_listed() -> None:
    now = iso_ms("2024-03-03")
    months = [f.stem for f in files("monthly", "BTCUSDT", "1h", iso_ms("2023-12-15"), now)]
    assert months == ["BTCUSDT-1h-2023-12", "BTCUSDT-1h-2024-01"]
    days = list(files("daily", "BTCUSDT", "1h", now - 3 * DAY_MS, now + 4 * HOUR_MS))
    assert [f.stem[-10:] for f in days] == ["2024-02-29", "2024-03-01"]
    assert list(files("daily", "BTCUSDT", "1w", 0, now)) == []


def test_files_hold_the_truth_in_milliseconds_then_microseconds() -> None:
    market = SyntheticMarket(6)
    for day, factor in (("2024-12-31", 1), ("2025-01-01", 1000)):
        file = parse_key(f"data/spot/daily/klines/ETHUSDT/5m/ETHUSDT-5m-{day}.zip")
        assert file is not None
        text = csv_of(market, file).decode()
        truth = market.candles("ETHUSDT", "5m", file.start_ms, file.end_ms)
        assert text.endswith(",0\n")
        rows = [line.split(",") for line in text.splitlines()]
        assert [int(row[0]) for row in rows] == [c.open_ms * factor for c in truth]
        last = 999 if factor == 1000 else 0
        assert [int(row[6]) for row in rows] == [c.close_ms * factor + last for c in truth]
        assert [[*row[1:6], *row[7:]] for row in rows] == [
            [str(value) for value in (*c.row()[1:6], *c.row()[7:])] for c in truth
        ]


def test_the_same_file_always_has_the_same_bytes() -> None:
    file = parse_key(MONTH_KEY)
    assert file is not None
    first, second = (zip_of(file, csv_of(SyntheticMarket(6), file)) for _ in range(2))
    assert first == second
