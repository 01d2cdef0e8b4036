"""Cleaning for analysis, against the same computed by pandas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Gap, Series, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.database.engine import connect
from support.data.candle_rows import store_closes
from support.data.four_hours import set_clock

T0 = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)
SLOTS = 400


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    set_clock(engine, T0 + 1000 * HOUR)
    yield engine
    engine.dispose()


def walk(seed: int, slots: int = SLOTS) -> pd.DataFrame:
    """Closes and volumes of a random walk with some jumps, at the hours after T0."""
    random = Random(seed)
    close, rows = 100.0, []
    for n in range(slots):
        jump = random.choice((0.1, -0.1)) if random.random() < 0.02 else 0
        close *= 1 + random.gauss(0, 0.004) + jump
        rows.append((T0 + n * HOUR, f"{close:.4f}", f"{random.expovariate(0.1):.5f}"))
    frame = pd.DataFrame(rows, columns=["open_time", "close", "volume"])
    return frame.set_index("open_time")


def store(engine: Engine, frame: pd.DataFrame) -> pd.DataFrame:
    """Stores them, and gives them back as floats."""
    rows = [(opens.to_pydatetime(), *row) for opens, *row in frame.itertuples()]
    store_closes(engine, BTC, rows)
    return frame.astype(float)


def note(engine: Engine, *gaps: tuple[int, int, Verdict]) -> None:
    found = [Gap(Span(T0 + a * HOUR, T0 + b * HOUR), verdict) for a, b, verdict in gaps]
    with engine.begin() as connection:
        record_gaps(connection, BTC.timeframe, {BTC.symbol: found}, T0)


def call(
    engine: Engine,
    function: str,
    first: float,
    end: float,
    more: str = "",
    index: str = "open_time",
) -> pd.DataFrame:
    span = f"'{(T0 + first * HOUR).isoformat()}', '{(T0 + end * HOUR).isoformat()}'"
    sql = f"SELECT * FROM market.{function}('BTCUSDT', '1h', {span}{more})"
    with engine.connect() as connection:
        result = connection.execute(text(sql))
        frame = pd.DataFrame(result.mappings().all(), columns=list(result.keys()))
    frame[index] = pd.to_datetime(frame[index], utc=True)
    assert frame[index].is_monotonic_increasing
    return frame.set_index(index)


def require_close(left: pd.Series[float], right: pd.Series[float] | np.ndarray) -> None:
    np.testing.assert_allclose(left.astype(float), right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_every_slot_has_a_row_and_outages_the_last_close(engine: Engine, seed: int) -> None:
    whole = walk(seed)
    lost = sorted(Random(seed).sample(range(1, SLOTS), 60))
    candles = store(engine, whole.drop(whole.index[lost]))
    note(engine, *((n, n + 1, Verdict.EXCHANGE_OUTAGE) for n in lost if n % 2))
    grid = call(engine, "candles_regular", 0, SLOTS, index="slot")
    assert list(grid.index) == list(whole.index)
    expected = candles.reindex(whole.index)
    require_close(grid["close"], expected["close"].ffill())
    require_close(grid["volume"], expected["volume"].fillna(0))
    for price, factor in (("open", 1), ("high", 2), ("low", 0.5)):
        traded = expected["close"] * factor
        require_close(grid[price], traded.fillna(expected["close"].ffill()))
    assert list(np.flatnonzero(grid["filled"])) == lost
    reasons = ["exchange_outage" if n % 2 else "pending" for n in lost]
    assert list(grid["verdict"].dropna()) == reasons


def test_nothing_is_filled_where_nothing_traded_nor_across(engine: Engine) -> None:
    whole = walk(5, 40)
    store(engine, whole.drop(whole.index[[*range(4), *range(10, 16), *range(36, 40)]]))
    note(
        engine,
        (0, 4, Verdict.NOT_LISTED), (10, 12, Verdict.NO_DATA), (12, 14, Verdict.NOT_TRADING),
        (14, 16, Verdict.EXCHANGE_OUTAGE), (36, 40, Verdict.DELISTED),
    )  # fmt: skip
    grid = call(engine, "candles_regular", 0, 40, index="slot")
    assert list(np.flatnonzero(grid["filled"])) == [10, 11]
    empty = list(np.flatnonzero(grid["close"].isna()))
    assert empty == [0, 1, 2, 3, 12, 13, 14, 15, 36, 37, 38, 39]
    assert list(grid["verdict"].iloc[[12, 14]]) == ["not_trading", "exchange_outage"]


def test_a_range_that_begins_in_a_hole_is_filled_from_before(engine: Engine) -> None:
    whole = walk(6, 40)
    candles = store(engine, whole.drop(whole.index[[*range(10, 16), *range(20, 26)]]))
    note(
        engine, (10, 16, Verdict.NO_DATA), (20, 22, Verdict.NOT_TRADING), (22, 26, Verdict.NO_DATA)
    )
    grid = call(engine, "candles_regular", 13, 18, index="slot")
    assert len(grid) == 5
    assert list(grid["close"].iloc[:3]) == [candles["close"].iloc[9]] * 3
    assert list(grid["filled"]) == [True, True, True, False, False]
    across = call(engine, "candles_regular", 24, 28, index="slot")
    assert list(across["filled"]) == [False] * 4
    assert list(across["close"].isna()) == [True, True, False, False]


def test_slots_are_those_that_open_in_the_range_and_have_closed(engine: Engine) -> None:
    store(engine, walk(7, 10))
    assert len(call(engine, "candles_regular", 2.5, 6.5, index="slot")) == 4
    set_clock(engine, T0 + 8.5 * HOUR)
    grid = call(engine, "candles_regular", 2, 900, index="slot")
    assert grid.index[-1].to_pydatetime() == T0 + 7 * HOUR


def test_a_candle_off_the_grid_is_in_its_slot_and_two_are_one(engine: Engine) -> None:
    rows = [
        (T0, "1", "1"), (T0 + 1.4 * HOUR, "2", "1"), (T0 + 2 * HOUR, "3", "1"),
        (T0 + 2.4 * HOUR, "4", "1"),
    ]  # fmt: skip
    store_closes(engine, BTC, rows)
    grid = call(engine, "candles_regular", 0, 3, index="slot")
    assert list(grid["close"]) == [1, 2, 3]


def find_outliers(
    returns: np.ndarray, method: str, threshold: float, reach: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centers, spreads and outliers of returns, the first of which is NaN."""
    centers, spreads = np.empty(len(returns)), np.empty(len(returns))
    for n in range(len(returns)):
        near = returns[max(0, n - reach) : n + reach + 1] if method == "hampel" else returns
        near = near[~np.isnan(near)]
        if method == "sigma":
            centers[n], spreads[n] = np.mean(near), np.std(near, ddof=1)
        else:
            centers[n] = np.median(near)
            spreads[n] = 1.4826 * np.median(np.abs(near - centers[n]))
    with np.errstate(invalid="ignore"):
        outliers = (np.abs(returns - centers) > threshold * spreads) & (spreads > 0)
    return centers, spreads, outliers


@pytest.mark.parametrize("method", ["sigma", "mad", "hampel"])
def test_outliers_are_marked_capped_and_left_out(engine: Engine, method: str) -> None:
    candles = store(engine, walk(8))
    threshold, reach = 2.5, 9
    found = call(
        engine, "candles_outliers", 0, SLOTS,
        f", '{method}', threshold => {threshold}, reach => {reach}",
    )  # fmt: skip
    returns = np.log(candles["close"] / candles["close"].shift()).to_numpy()
    centers, spreads, outliers = find_outliers(returns, method, threshold, reach)
    require_close(found["log_return"], returns)
    require_close(found["center"], centers)
    require_close(found["spread"], spreads)
    assert list(found["outlier"]) == list(outliers)
    assert 3 < outliers.sum() < SLOTS / 4
    capped = np.clip(returns, centers - threshold * spreads, centers + threshold * spreads)
    require_close(found["capped"], capped)
    capped_close = candles["close"].shift() * np.exp(capped)
    require_close(found["capped_close"].iloc[1:], capped_close.iloc[1:])
    require_close(found["cleaned"], np.where(outliers, np.nan, returns))
    # Nothing that is stored changed.
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT close FROM market.candles_1h ORDER BY open_time"))
        require_close(candles["close"], np.array([float(close) for close in stored.scalars()]))


@pytest.mark.parametrize("method", ["sigma", "mad", "hampel"])
def test_where_nothing_moves_nothing_is_marked(engine: Engine, method: str) -> None:
    store_closes(engine, BTC, [(T0 + n * HOUR, "5", "1") for n in range(30)])
    found = call(engine, "candles_outliers", 0, 30, f", '{method}'")
    assert not found["outlier"].any()
    assert (found["capped_close"] == 5).all()


def test_outliers_of_nothing_and_of_one_candle(engine: Engine) -> None:
    assert len(call(engine, "candles_outliers", 0, 30)) == 0
    store_closes(engine, BTC, [(T0, "5", "1")])
    (found,) = call(engine, "candles_outliers", 0, 30).to_dict("records")
    assert (found["close"], found["outlier"]) == (5, False)


def test_normalized_series_are_those_of_pandas(engine: Engine) -> None:
    candles = store(engine, walk(9))
    found = call(engine, "candles_normalized", 0, SLOTS)
    for column in ("close", "volume"):
        values = candles[column]
        require_close(found[column], values)
        spanned = values.max() - values.min()
        require_close(found[f"{column}_minmax"], (values - values.min()) / spanned)
        require_close(found[f"{column}_zscore"], (values - values.mean()) / values.std())


def test_a_constant_cannot_be_normalized(engine: Engine) -> None:
    store_closes(engine, BTC, [(T0 + n * HOUR, "5", f"{n}") for n in range(4)])
    found = call(engine, "candles_normalized", 0, 9)
    assert found[["close_minmax", "close_zscore"]].isna().all().all()
    assert list(found["volume_minmax"]) == [0, 1 / 3, 2 / 3, 1]


def test_readers_may_ask(engine: Engine, analyst_url: str) -> None:
    store(engine, walk(1, 30))
    reader = connect(analyst_url)
    try:
        assert len(call(reader, "candles_regular", 0, 30, index="slot")) == 30
        assert len(call(reader, "candles_outliers", 0, 30)) == 30
        assert len(call(reader, "candles_normalized", 0, 30)) == 30
    finally:
        reader.dispose()
