"""What is held of a series, in one row: kept for every writer, and enough to plan by."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, Engine, text

from candlehouse.core.gaps import intersect_spans
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.candles.held_slots import select_held
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import MIGRATIONS, migrate
from support.data.four_hours import SLOT, SLOTS, SYMBOLS, T0, fill, slots, store

DAY_ZERO = date(2024, 3, 28)
A_DAY = 6
_UPSERT = (
    "INSERT INTO market.coverage_days SELECT * FROM unnest("
    " CAST(:symbols AS text[]), CAST(:timeframes AS text[]), CAST(:days AS date[]),"
    " CAST(:counts AS integer[]))"
    " ON CONFLICT (symbol, timeframe, day) DO UPDATE SET present_slots = EXCLUDED.present_slots"
)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def count(connection: Connection, counts: dict[tuple[str, int], int]) -> None:
    """Sets the counts of days, by symbol and number of the day, in one statement."""
    values = {
        "symbols": [symbol for symbol, _ in counts],
        "timeframes": ["4h"] * len(counts),
        "days": [DAY_ZERO + timedelta(days=day) for _, day in counts],
        "counts": list(counts.values()),
    }
    connection.execute(text(_UPSERT), values)


def read_rows(engine: Engine) -> dict[str, tuple[int, set[date], set[date]]]:
    """Slots, whole days and short days a symbol."""
    query = (
        "SELECT symbol, present_slots,"
        " ARRAY(SELECT generate_series(lower(r), upper(r) - 1, '1 day')::date"
        "  FROM unnest(whole_days) AS r),"
        " ARRAY(SELECT generate_series(lower(r), upper(r) - 1, '1 day')::date"
        "  FROM unnest(short_days) AS r)"
        " FROM market.coverage_series"
    )
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    return {symbol: (present, set(whole), set(short)) for symbol, present, whole, short in rows}


def recompute(engine: Engine) -> dict[str, tuple[int, set[date], set[date]]]:
    """The same from the days, by plain counting."""
    with engine.connect() as connection:
        days = connection.execute(
            text(
                "SELECT symbol, day, present_slots FROM market.coverage_days"
                " WHERE present_slots > 0"
            )
        ).all()
    return {
        name: (
            sum(n for symbol, _, n in days if symbol == name),
            {day for symbol, day, n in days if symbol == name and n >= A_DAY},
            {day for symbol, day, n in days if symbol == name and n < A_DAY},
        )
        for name in {symbol for symbol, _, _ in days}
    }


def change(connection: Connection, random: Random) -> None:
    """One of the statements that may meet the counts of days."""
    symbol, day = random.choice(SYMBOLS), DAY_ZERO + timedelta(days=random.randrange(8))
    match random.randrange(6):
        case 0:
            connection.execute(
                text("DELETE FROM market.coverage_days WHERE day < :day"), {"day": day}
            )
        case 1:
            connection.execute(
                text("UPDATE market.coverage_days SET present_slots = 0 WHERE day = :day"),
                {"day": day},
            )
        case 2:
            # Further than they reach: none may come where another one still is.
            connection.execute(
                text(
                    "UPDATE market.coverage_days SET day = day + 1 + ("
                    " SELECT max(d.day) - min(d.day) FROM market.coverage_days AS d"
                    " WHERE d.symbol = :symbol"
                    ") WHERE symbol = :symbol"
                ),
                {"symbol": symbol},
            )
        case _:
            keys = {(random.choice(SYMBOLS), random.randrange(8)) for _ in range(6)}
            count(connection, {key: random.choice((0, 1, 5, 6, 6, 6)) for key in keys})


@pytest.mark.parametrize("seed", range(4))
def test_a_series_row_follows_whatever_is_done_to_its_days(engine: Engine, seed: int) -> None:
    random = Random(seed)
    for step in range(25):
        with engine.begin() as connection:
            change(connection, random)
        assert read_rows(engine) == recompute(engine), f"seed {seed}, step {step}"
    with engine.begin() as connection:
        count(connection, {(SYMBOLS[0], 0): 3})
        connection.execute(text("TRUNCATE market.coverage_days"))
    assert read_rows(engine) == {}


def test_writers_of_other_days_of_a_series_need_no_lock_to_add_up(engine: Engine) -> None:
    with engine.begin() as connection:
        count(connection, {("AUSDT", 0): 2, ("AUSDT", 1): 6})
    with ThreadPoolExecutor(1) as pool, engine.connect() as first:
        count(first, {("AUSDT", 1): 5, ("AUSDT", 2): 6})
        # Waits for the row, whose value it knew before the first one changed it.
        second = pool.submit(_count_alone, engine, {("AUSDT", 0): 6, ("AUSDT", 3): 1})
        while not _is_waiting(engine):
            assert not second.done()
        first.commit()
        second.result()
    assert read_rows(engine) == recompute(engine)
    assert read_rows(engine)["AUSDT"][0] == 18


def _count_alone(engine: Engine, counts: dict[tuple[str, int], int]) -> None:
    with engine.begin() as connection:
        count(connection, counts)


def _is_waiting(engine: Engine) -> bool:
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')"
    with engine.connect() as connection:
        return bool(connection.execute(text(query)).scalar_one())


def test_the_migration_takes_over_what_was_counted_before(
    empty_database: Callable[..., str], tmp_path: Path
) -> None:
    for path in sorted(MIGRATIONS.rglob("000[1-4]*.sql")):
        shutil.copy(path, tmp_path)
    url = empty_database()
    assert len(migrate(url, tmp_path)) == 4
    engine = connect(url)
    with engine.begin() as connection:
        count(connection, {("AUSDT", 0): 6, ("AUSDT", 1): 6, ("AUSDT", 2): 3, ("BUSDT", 1): 0})
    assert "0005_coverage_series" in migrate(url)
    days = [DAY_ZERO + timedelta(days=day) for day in range(3)]
    assert read_rows(engine) == {"AUSDT": (15, set(days[:2]), set(days[2:]))}
    engine.dispose()


@pytest.mark.parametrize("seed", range(6))
def test_held_is_what_was_written_whatever_is_known_of_the_rest(engine: Engine, seed: int) -> None:
    random = Random(seed)
    written = {symbol: fill(engine, symbol, random) for symbol in SYMBOLS}
    for _ in range(12):
        first = random.randrange(-8, SLOTS)
        asked = slots(first, first + random.randrange(1, SLOTS))
        expected = {
            symbol: parts
            for symbol, spans in written.items()
            if (parts := intersect_spans(spans, [asked]))
        }
        with engine.connect() as connection:
            found = select_held(connection, Timeframe.H4, dict.fromkeys(SYMBOLS, asked))
        assert found == expected, f"seed {seed}, asked {asked}"


def test_candles_are_read_only_of_days_that_nothing_explains(engine: Engine) -> None:
    # A day from its fourth slot on, a whole one, and one up to its second slot.
    store(engine, "AUSDT", [T0 + n * SLOT for n in range(3, 14)])
    # The same with a hole that nobody has asked for.
    store(engine, "BUSDT", [T0 + n * SLOT for n in range(3, 14) if n != 4])
    with engine.begin() as connection:
        # Whatever is still told then is not told by candles.
        connection.execute(text("DELETE FROM market.candles_4h"))
        found = select_held(connection, Timeframe.H4, dict.fromkeys(SYMBOLS, slots(0, 18)))
    assert found == {"AUSDT": [slots(3, 14)], "BUSDT": [slots(6, 14)]}


def test_a_count_that_no_gap_explains_is_not_believed(engine: Engine) -> None:
    store(engine, "AUSDT", [T0 + n * SLOT for n in range(12) if n != 4])
    with engine.begin() as connection:
        connection.execute(text("UPDATE market.coverage_days SET present_slots = 4 WHERE day = :d"),
                           {"d": DAY_ZERO})  # fmt: skip
        found = select_held(connection, Timeframe.H4, {"AUSDT": slots(0, 12)})
    assert found == {"AUSDT": [slots(0, 4), slots(5, 12)]}


def test_verify_says_what_of_a_series_row_is_wrong(engine: Engine) -> None:
    for symbol in SYMBOLS:
        store(engine, symbol, [T0 + n * SLOT for n in range(15)])
    broken = {
        "AUSDT": "present_slots = 14",
        "BUSDT": "whole_days = '{[2024-03-28,2024-03-29)}'",
        "CUSDT": "short_days = '{[2024-03-30,2024-04-01)}'",
    }
    with engine.begin() as connection:
        assert list(find_differences(connection)) == []
        for symbol, wrong in broken.items():
            connection.execute(
                text(f"UPDATE market.coverage_series SET {wrong} WHERE symbol = '{symbol}'")
            )
        assert list(find_differences(connection)) == [
            "AUSDT 4h: 14 slots in all, its days have 15",
            "BUSDT 4h 2024-03-29: only one of series and day says complete",
            "CUSDT 4h 2024-03-31: only one of series and day says short",
        ]


def test_verify_tells_slots_apart_on_days_with_candles_off_the_grid(engine: Engine) -> None:
    store(engine, "AUSDT", [T0, T0 + SLOT / 2, T0 + 3 * SLOT / 2, *slots(6, 7)[:1]])
    with engine.begin() as connection:
        assert list(find_differences(connection)) == []
        connection.execute(text("UPDATE market.coverage_days SET present_slots = 3"))
        assert list(find_differences(connection)) == [
            "AUSDT 4h 2024-03-28: 3 slots counted, 2 held",
            "AUSDT 4h 2024-03-29: 3 slots counted, 1 held",
        ]
