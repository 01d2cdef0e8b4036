"""Which series load, since when nothing has come, and when they have loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Gap, Verdict
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.status import add_up
from candlehouse.storage.completeness.coverage import select_status
from candlehouse.storage.completeness.gaps import record_gaps
from candlehouse.storage.completeness.loads import is_loading, select_loads, update_loads
from candlehouse.storage.completeness.series import want_series
from candlehouse.storage.database.engine import connect
from support.data.four_hours import SLOT, T0, set_clock, slots, store, want

NOW = T0 + 20 * SLOT + timedelta(hours=1)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    set_clock(engine, NOW)
    yield engine
    engine.dispose()


def run(engine: Engine, statement: str, **parameters: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), parameters)


def loading(engine: Engine) -> list[Any]:
    """Symbol, whether its newest candles load, and what was pending at the least, after a look."""
    with engine.begin() as connection:
        update_loads(connection)
        query = "SELECT symbol, newest, least_pending FROM market.loads ORDER BY symbol"
        return [tuple(row) for row in connection.execute(text(query))]


def loaded(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT symbol, first_loaded_at FROM market.series"))
        return {row.symbol: row.first_loaded_at for row in rows}


def is_under_way(engine: Engine) -> bool:
    with engine.connect() as connection:
        return is_loading(connection)


def age(engine: Engine, column: str, by: str) -> None:
    run(engine, f"UPDATE market.loads SET {column} = {column} - interval '{by}'")


def hold(engine: Engine, symbol: str, first: int, end: int) -> None:
    store(engine, symbol, [T0 + n * SLOT for n in range(first, end)])


def test_series_loads_until_nothing_is_pending_and_that_moment_stays(engine: Engine) -> None:
    assert not is_under_way(engine)
    want(engine, "AUSDT", 0, None)
    want(engine, "BUSDT", 0, None)
    assert is_under_way(engine)
    hold(engine, "AUSDT", 0, 20)
    hold(engine, "BUSDT", 0, 5)
    assert loading(engine) == [("BUSDT", True, 15)]
    first = loaded(engine)
    assert first["AUSDT"] is not None
    assert first["BUSDT"] is None
    # A hole later on is no load.
    set_clock(engine, NOW + 3 * SLOT)
    assert loading(engine) == [("BUSDT", True, 15)]
    hold(engine, "BUSDT", 5, 23)
    assert loading(engine) == []
    assert not is_under_way(engine)
    assert loaded(engine)["AUSDT"] == first["AUSDT"]


def test_known_absence_loads_and_what_is_expected_by_nobody_yet_does_not(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    want(engine, "LATERUSDT", 40, None)
    want(engine, "LEFTUSDT", 0, 0)
    want(engine, "ONLYHELDUSDT", None, None)
    hold(engine, "AUSDT", 0, 18)
    with engine.begin() as connection:
        gaps = [Gap(slots(18, 20), Verdict.EXCHANGE_OUTAGE)]
        record_gaps(connection, Timeframe.H4, {"AUSDT": gaps}, NOW)
    assert loading(engine) == [("LATERUSDT", True, 0)]
    assert not is_under_way(engine)
    with engine.connect() as connection:
        assert select_loads(connection) == []


def test_a_stream_that_never_brings_anything_stands_still(engine: Engine) -> None:
    want(engine, "AUSDT", 20, None)
    assert loading(engine) == [("AUSDT", True, 0)]
    set_clock(engine, NOW + SLOT)
    assert loading(engine) == [("AUSDT", True, 1)]
    assert is_under_way(engine)
    age(engine, "progressed_at", "61 minutes")
    set_clock(engine, NOW + 2 * SLOT)
    assert loading(engine) == [("AUSDT", True, 1)]
    assert not is_under_way(engine)


def test_an_earlier_start_loads_again_without_the_newest_candles(engine: Engine) -> None:
    want(engine, "AUSDT", 6, None)
    hold(engine, "AUSDT", 6, 20)
    assert loading(engine) == []
    before = loaded(engine)
    run(engine, "UPDATE market.series SET first_open_time = :first", first=T0 - 9 * SLOT)
    with engine.begin() as connection:
        want_series(connection, ["AUSDT"], [Timeframe.H4], T0)
    assert loading(engine) == [("AUSDT", False, 6)]
    hold(engine, "AUSDT", 0, 6)
    assert loading(engine) == []
    # A later one is no load, nor is one of the same.
    with engine.begin() as connection:
        want_series(connection, ["AUSDT"], [Timeframe.H4], T0 + 6 * SLOT)
        want_series(connection, ["AUSDT"], [Timeframe.H4], T0 + 6 * SLOT)
    assert loading(engine) == []
    assert loaded(engine) == before


def test_a_symbol_that_trades_again_loads_its_newest_candles(engine: Engine) -> None:
    want(engine, "AUSDT", 0, 6)
    hold(engine, "AUSDT", 0, 6)
    assert loading(engine) == []
    run(engine, "UPDATE market.series SET wanted_to = NULL")
    assert loading(engine) == [("AUSDT", True, 14)]


def test_status_tells_what_loads_from_what_is_late(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    want(engine, "BUSDT", 0, None)
    hold(engine, "AUSDT", 0, 20)
    hold(engine, "BUSDT", 0, 5)
    assert loading(engine) == [("BUSDT", True, 15)]
    set_clock(engine, NOW + SLOT)
    with engine.connect() as connection:
        lines = select_status(connection)
    assert [(line.pending, line.is_loading) for line in lines] == [(1, False), (16, True)]
    assert add_up(lines).loading == 1


def test_a_load_that_stands_still_or_takes_a_day_keeps_nobody_waiting(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    hold(engine, "AUSDT", 0, 5)
    assert loading(engine) == [("AUSDT", True, 15)]
    age(engine, "progressed_at", "61 minutes")
    assert not is_under_way(engine)
    # Something came.
    hold(engine, "AUSDT", 5, 6)
    assert loading(engine) == [("AUSDT", True, 14)]
    assert is_under_way(engine)
    age(engine, "started_at", "25 hours")
    assert not is_under_way(engine)


def test_new_candles_are_no_progress_of_history(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    hold(engine, "AUSDT", 10, 20)
    assert loading(engine) == [("AUSDT", True, 10)]
    age(engine, "progressed_at", "2 hours")
    set_clock(engine, NOW + 2 * SLOT)
    hold(engine, "AUSDT", 20, 22)
    assert loading(engine) == [("AUSDT", True, 10)]
    assert not is_under_way(engine)


def test_time_in_which_nobody_looked_is_no_standstill(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    assert loading(engine) == [("AUSDT", True, 20)]
    age(engine, "progressed_at", "9 hours")
    age(engine, "looked_at", "9 hours")
    assert is_under_way(engine)
    assert loading(engine) == [("AUSDT", True, 20)]
    with engine.connect() as connection:
        (load,) = select_loads(connection)
    assert load.stalled_since > load.started_at
    assert (load.timeframe, load.series, load.pending, load.most_stalled) == ("4h", 1, 20, "AUSDT")


def test_what_was_asked_for_in_vain_is_a_load_for_half_an_hour_only(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    hold(engine, "AUSDT", 0, 18)
    with engine.begin() as connection:
        record_gaps(connection, Timeframe.H4, {"AUSDT": [Gap(slots(18, 19), Verdict.PENDING)]}, NOW)
    assert loading(engine) == [("AUSDT", True, 2)]
    age(engine, "progressed_at", "31 minutes")
    # One slot was never asked for.
    assert loading(engine) == [("AUSDT", True, 2)]
    with engine.begin() as connection:
        record_gaps(connection, Timeframe.H4, {"AUSDT": [Gap(slots(18, 20), Verdict.PENDING)]}, NOW)
    assert loading(engine) == []
    assert loaded(engine)["AUSDT"] is not None


def test_a_series_that_somebody_changes_is_left_to_the_next_look(engine: Engine) -> None:
    want(engine, "AUSDT", 0, None)
    hold(engine, "AUSDT", 0, 20)
    with engine.begin() as other:
        other.execute(text("UPDATE market.series SET wanted_to = NULL"))
        assert loading(engine) == [("AUSDT", True, None)]
    assert loading(engine) == []
