"""The text of published files is what the pages of the interface say, and its zip holds it."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange_sim.archive_files.packing import pack
from exchange_sim.klines.intervals import DAY_MS, FIXED_MS, iso_ms, next_month, slot_end
from exchange_sim.klines.paging import csv_of_pages
from exchange_sim.market.lives import outage_in_period
from exchange_sim.market.synthetic import SyntheticMarket

# Ordinary, holed, seldom traded, listed within an hour, delisted, cheap, and steady ones.
SYMBOLS = ("BTCUSDT", "LINKUSDT", "MANTAUSDT", "ONDOUSDT", "MATICUSDT", "PEPEUSDT", "USDCUSDT")
MARKETS = {seed: SyntheticMarket(seed) for seed in (1, 2, 7)}


def paged(market: SyntheticMarket, series: tuple[str, str], span: tuple[int, int], us: bool) -> str:
    over_ms = slot_end(series[1], span[1])
    text = csv_of_pages(lambda query: market.klines(query, over_ms), series, span, microseconds=us)
    return text.decode()


@given(
    seed=st.sampled_from(sorted(MARKETS)),
    symbol=st.sampled_from(SYMBOLS),
    interval=st.sampled_from([name for name, step in FIXED_MS.items() if step <= DAY_MS]),
    first=st.one_of(
        st.integers(iso_ms("2022-01-01") // DAY_MS, iso_ms("2026-06-01") // DAY_MS),
        # Days with an outage, a listing, a delisting.
        st.integers(685, 735).map(lambda period: outage_in_period(1, period).start_ms // DAY_MS),
        st.sampled_from([iso_ms("2025-03-14") // DAY_MS, iso_ms("2024-09-10") // DAY_MS]),
    ),
    days=st.sampled_from([1, 2, 9, 31]),
    microseconds=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_a_file_says_what_the_pages_say(
    seed: int, symbol: str, interval: str, first: int, days: int, microseconds: bool
) -> None:
    days = 1 if FIXED_MS[interval] < FIXED_MS["5m"] else days
    market, span = MARKETS[seed], (first * DAY_MS, (first + days) * DAY_MS)
    text = market.csv(symbol, interval, *span, microseconds=microseconds).decode()
    assert text == paged(market, (symbol, interval), span, microseconds)


@pytest.mark.parametrize("interval", ["3d", "1w", "1M", "1s"])
def test_what_days_do_not_divide_comes_by_pages(interval: str) -> None:
    start = iso_ms("2025-02-01")
    span = (start, next_month(start))
    text = MARKETS[1].csv("BTCUSDT", interval, *span, microseconds=True).decode()
    assert text == paged(MARKETS[1], ("BTCUSDT", interval), span, True)
    assert bool(text) == (interval != "1s")


@pytest.mark.parametrize("text", [b"", b"1,2,3\n" * 50_000, bytes(range(256))])
def test_a_packed_file_is_read_by_others(text: bytes) -> None:
    at = datetime(2025, 2, 3, 8, 59, 58, tzinfo=UTC)
    data = pack("A-5m-2025-01.csv", text, at)
    assert pack("A-5m-2025-01.csv", text, at) == data
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        (info,) = archive.infolist()
        assert archive.read(info) == text
    assert (info.filename, info.date_time) == ("A-5m-2025-01.csv", at.timetuple()[:6])
    assert (info.compress_type, info.external_attr >> 16) == (zipfile.ZIP_DEFLATED, 0o644)
    assert (info.header_offset, info.file_size) == (0, len(text))
