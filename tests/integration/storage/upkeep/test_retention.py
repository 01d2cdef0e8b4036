"""Dropping old candles on both storage paths: data, counts and what is wanted agree after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.errors import StatementCancelled
from candlehouse.core.judging.evidence import Answer, Check, Informant
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import ALL_TIME, Reach, ValidationScope, Window
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.completeness.checks import record_checks
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.completeness.series import (
    select_series,
    upsert_first_open_times,
    want_streamed,
)
from candlehouse.storage.database.engine import connect
from candlehouse.storage.truth.confirmations import Confirmation, record_confirmations
from candlehouse.storage.truth.validation_runs import insert_run, open_validation_snapshot
from candlehouse.storage.upkeep.maintenance import convert_old_chunks, has_timescale
from candlehouse.storage.upkeep.retention import drop_before, plan_steps
from support.data.live_updates import make_update

# Seven days from the start of one of the chunks, which are counted from 1970-01-01.
T0 = datetime(2024, 12, 19, tzinfo=UTC)
DAY = timedelta(days=1)
M15, M1 = Timeframe.M15, Timeframe.M1
BTC, ETH = Series("BTCUSDT", M1), Series("ETHUSDT", M1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO market.exchange_state (identity, rest_url, coingecko_url,"
                " products_url, exchange_time, clock_offset_ms, weight_limit, close_grace)"
                " VALUES ('test', '', '', '', :now, 0, 6000, '10 minutes')"
            ),
            {"now": days(30)},
        )
    yield engine
    engine.dispose()


def days(count: float) -> datetime:
    return T0 + count * DAY


def store(engine: Engine, series: Series, first: float, last: float, every: float) -> None:
    """A candle every so many days, all else missing."""
    count = int((last - first) / every)
    updates = [make_update(series, days(first + n * every)) for n in range(count)]
    rows = CandleRows.of_lines([one.line for one in updates])
    page = CheckedPage(series, Span(days(first), days(last)), Source.STREAM, rows)
    with engine.begin() as connection:
        lock_series(connection, [series])
        write_candles(connection, [page])


def fill(engine: Engine) -> None:
    """Two streamed series over thirty days and the end of a year, one that is 15m."""
    with engine.begin() as connection:
        want_streamed(connection, ["BTCUSDT", "ETHUSDT"], [M1, M15], days(0))
    store(engine, BTC, 0, 30, 0.25)
    store(engine, ETH, 25, 29, 0.25)
    store(engine, Series("BTCUSDT", M15), 0, 30, 0.25)
    with engine.begin() as connection:
        lost = Verdict.NO_DATA
        gaps = [Gap(Span(days(3.25) + timedelta(minutes=1), days(3.5)), lost),
                Gap(Span(days(20) + timedelta(minutes=1), days(20.25)), lost)]  # fmt: skip
        record_gaps(connection, M1, {"BTCUSDT": gaps}, days(30))
        record_gaps(connection, M1, {"ETHUSDT": [Gap(Span(days(1), days(25)), lost)]}, days(30))
        checks = [
            Check(Span(days(1), days(2)), "ETHUSDT", Informant.ARCHIVE, Answer.NOTHING, days(30)),
            Check(Span(days(1), days(25)), "ETHUSDT", Informant.REST, Answer.NOTHING, days(30)),
        ]
        record_checks(connection, M1, {"ETHUSDT": checks})
        record_confirmations(
            connection, [Confirmation(BTC, Span(days(0), days(30)), Source.REST, 120, 0)], days(30)
        )
        run_id = insert_run(connection, ValidationScope(Reach.NEW), [M1], days(30))
    with open_validation_snapshot(engine) as look:
        look.record(run_id, M1, Window((), ALL_TIME), days(30), passed=True)


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def differences(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(find_differences(connection))


def is_timescale(engine: Engine) -> bool:
    with engine.connect() as connection:
        return has_timescale(connection)


def expect_nothing_before(engine: Engine, border: datetime) -> None:
    assert differences(engine) == []
    for what in (
        "min(open_time) FROM market.candles_1m",
        "min(day)::timestamp AT TIME ZONE 'UTC' FROM market.coverage_days WHERE timeframe = '1m'",
        "min(day)::timestamp AT TIME ZONE 'UTC' FROM market.coverage WHERE timeframe = '1m'",
        "min(range_start) FROM market.confirmations",
        "min(day)::timestamp AT TIME ZONE 'UTC' FROM market.validated_days",
        "min(gap_start) FROM market.gaps",
        "min(range_start) FROM market.gap_checks",
        "min(wanted_from) FROM market.series WHERE timeframe = '1m'",
    ):
        assert rows(engine, f"SELECT {what}")[0][0] >= border, what  # type: ignore[operator]
    # Of every later day what is expected is all there, absent or truly pending.
    expected = "SELECT sum(expected), sum(present), sum(absent) FROM market.coverage"
    length = rows(engine, f"{expected} WHERE symbol = 'BTCUSDT' AND timeframe = '1m'")[0]
    assert length[0] == (days(30) - timedelta(minutes=10) - border) // timedelta(minutes=1)
    assert length[1] == (days(30) - border) / DAY * 4


def test_old_days_go_with_all_that_is_said_of_them(engine: Engine) -> None:
    fill(engine)
    before = rows(engine, "SELECT count(*) FROM market.candles_15m")
    border = drop_before(engine, M1, days(17.3))
    assert border == (days(14) if is_timescale(engine) else days(17))
    expect_nothing_before(engine, border)
    kept = rows(engine, "SELECT symbol, count(*) FROM market.candles_1m GROUP BY 1 ORDER BY 1")
    assert kept == [("BTCUSDT", (days(30) - border) / DAY * 4), ("ETHUSDT", 16)]
    assert rows(engine, "SELECT count(*) FROM market.candles_15m") == before
    wanted = "SELECT DISTINCT wanted_from FROM market.series WHERE timeframe = '15m'"
    assert rows(engine, wanted) == [(days(0),)]
    columns = "symbol, gap_start, gap_end, candles_missing"
    gaps = rows(engine, f"SELECT {columns} FROM market.gaps ORDER BY symbol")
    minute = timedelta(minutes=1)
    assert gaps == [
        ("BTCUSDT", days(20) + minute, days(20.25), 359),
        ("ETHUSDT", border, days(25), (days(25) - border) // minute),
    ]
    first = "SELECT first_open_time FROM market.collector_state WHERE timeframe = '1m' ORDER BY 1"
    assert rows(engine, first) == [(border,), (days(25),)]


def test_dropping_again_changes_nothing(engine: Engine) -> None:
    fill(engine)
    border = drop_before(engine, M1, days(17))
    tables = ("series", "gaps", "confirmations", "coverage_days", "collector_state", "candles_1m")
    before = [rows(engine, f"SELECT * FROM market.{table} ORDER BY 1, 2, 3") for table in tables]
    assert drop_before(engine, M1, days(17)) == border
    assert drop_before(engine, M1, days(9)) <= border
    after = [rows(engine, f"SELECT * FROM market.{table} ORDER BY 1, 2, 3") for table in tables]
    assert after == before


def test_years_go_at_once_and_days_one_by_one(engine: Engine) -> None:
    fill(engine)
    store(engine, BTC, -600, -599, 0.25)
    if is_timescale(engine):
        convert_old_chunks(engine, days(60))
    statements: list[str] = []
    event.listen(
        engine, "before_cursor_execute", lambda *args: statements.append(args[2].split("(")[0])
    )
    border = drop_before(engine, M1, days(21))
    expect_nothing_before(engine, border)
    assert border == days(21)
    deletes = [one for one in statements if one.startswith("DELETE FROM market.candles_1m")]
    truncates = [one for one in statements if one.startswith("CALL market.truncate")]
    # 2023 and 2024 as a whole, of 2025 eight days.
    assert (len(deletes), len(truncates)) == ((0, 0) if is_timescale(engine) else (8, 2))


def test_a_warehouse_without_a_candle_wants_from_the_boundary(engine: Engine) -> None:
    with engine.begin() as connection:
        want_streamed(connection, ["BTCUSDT"], [M1], days(0))
    assert drop_before(engine, M1, days(3.5)) == days(3)
    with engine.connect() as connection:
        assert select_series(connection, [M1])[BTC].wanted_from == days(3)


def test_a_series_that_lost_all_its_candles_holds_none_from_the_first(engine: Engine) -> None:
    store(engine, ETH, 0, 2, 0.25)
    drop_before(engine, M1, days(7))
    assert rows(engine, "SELECT first_open_time, last_open_time FROM market.collector_state") == [
        (None, days(1.75))
    ]
    assert rows(engine, "SELECT count(*) FROM market.candles_1m") == [(0,)]


def test_what_stays_in_use_is_left_for_another_time(engine: Engine) -> None:
    fill(engine)
    impatient = connect(str(engine.url.render_as_string(hide_password=False)))

    @event.listens_for(impatient, "before_cursor_execute", retval=True)
    def hurry(*args: object) -> tuple[object, object]:
        return str(args[2]).replace("'10s'", "'100ms'"), args[3]

    with engine.begin() as busy:
        lock_series(busy, [ETH])
        with pytest.raises(StatementCancelled, match="lock timeout"):
            drop_before(impatient, M1, days(17))
    impatient.dispose()
    assert rows(engine, "SELECT count(*) FROM market.candles_1m") == [(136,)]
    assert differences(engine) == []


def test_steps_are_years_that_are_over_then_days() -> None:
    steps = list(plan_steps(datetime(2022, 12, 30, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC)))
    assert [(step.boundary.strftime("%Y-%m-%d"), step.year) for step in steps] == [
        ("2023-01-01", 2022), ("2024-01-01", 2023), ("2024-01-02", None), ("2024-01-03", None),
    ]  # fmt: skip
    assert [step.low for step in steps[1:]] == [step.boundary for step in steps[:-1]]


def test_streamed_series_are_wanted_from_the_start_of_streaming(engine: Engine) -> None:
    late = days(2) + timedelta(minutes=7, seconds=30)
    xrp = Series("XRPUSDT", M15)
    with engine.begin() as connection:
        want_streamed(connection, ["BTCUSDT"], [M1, M15], days(1))
        upsert_first_open_times(connection, {BTC: days(-9), xrp: days(4) + timedelta(minutes=20)})
        want_streamed(connection, ["BTCUSDT", "ETHUSDT", "XRPUSDT"], [M1, M15], late)
        wanted = {
            series: row.wanted_from for series, row in select_series(connection, [M1, M15]).items()
        }
    quarter, minute = days(2) + timedelta(minutes=15), days(2) + timedelta(minutes=8)
    assert wanted == {
        BTC: days(1), Series("BTCUSDT", M15): days(1),
        ETH: minute, Series("ETHUSDT", M15): quarter,
        Series("XRPUSDT", M1): minute, xrp: days(4) + timedelta(minutes=15),
    }  # fmt: skip


def test_a_streamed_series_is_not_wanted_before_a_first_candle_found_later(engine: Engine) -> None:
    with engine.begin() as connection:
        want_streamed(connection, ["BTCUSDT"], [M15], days(1))
        series = Series("BTCUSDT", M15)
        upsert_first_open_times(connection, {series: days(2) + timedelta(minutes=16)})
        want_streamed(connection, ["BTCUSDT"], [M15], days(3))
        found = select_series(connection, [M15])[series].wanted_from
    assert found == days(2) + timedelta(minutes=15)
