"""Imported files: stored like all other candles, and their holes judged by what is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import UnreadableFile
from candlehouse.core.model import Series, Source, Verdict
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.pipelines.importing import CandleFile, ImportReport, import_files, select_now
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.limits.exchange_state import (
    Contact,
    ExchangeEndpoints,
    insert_exchange_state,
)
from support.warehouses import warehouse_of

T0 = datetime(2024, 2, 27, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=10)
DAY = range(24)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def see_exchange(engine: Engine, clock: datetime) -> None:
    endpoints = ExchangeEndpoints("binance", *["http://127.0.0.1:1"] * 3)
    with engine.begin() as connection:
        insert_exchange_state(connection, endpoints, Contact(clock, clock), GRACE, 1200)


def save(
    folder: Path, symbol: str, hours: Sequence[int], start: datetime = T0, close: str = "2.5"
) -> CandleFile:
    """A file of few columns with the hours after `start`."""
    path = folder / f"{symbol}_1h.csv"
    rows = [f"{to_ms(start + hour * HOUR)},2.0,3.0,1.0,{close},7.1\n" for hour in hours]
    path.write_text("".join(rows), encoding="ascii")
    return CandleFile(path, Series(symbol, Timeframe.H1))


def without(*missing: int) -> list[int]:
    return [hour for hour in DAY if hour not in missing]


def load(engine: Engine, *files: CandleFile) -> ImportReport:
    return import_files(warehouse_of(engine), files, Source.REST, GRACE)


def gaps(engine: Engine) -> list[tuple[object, ...]]:
    sql = "SELECT symbol, gap_start, candles_missing, verdict FROM market.gaps ORDER BY 1, 2"
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []
        return [(row[0], (row[1] - T0) // HOUR, *row[2:]) for row in connection.execute(text(sql))]


def test_what_others_have_is_no_data_and_what_nobody_has_an_outage(
    engine: Engine, tmp_path: Path
) -> None:
    files = [
        save(tmp_path, "AAAUSDT", without(5, 6, 7, 15)),
        save(tmp_path, "BBBUSDT", without(6, 15)),
        save(tmp_path, "CCCUSDT", without(6, 15)),
        # Listed later, and gone before: neither says anything of the other time.
        save(tmp_path, "DDDUSDT", range(8, 15)),
    ]
    report = load(engine, *files)
    expected = [
        ("AAAUSDT", 5, 1, "no_data"),
        ("AAAUSDT", 6, 1, "exchange_outage"),
        ("AAAUSDT", 7, 1, "no_data"),
        ("AAAUSDT", 15, 1, "exchange_outage"),
        ("BBBUSDT", 6, 1, "exchange_outage"),
        ("BBBUSDT", 15, 1, "exchange_outage"),
        ("CCCUSDT", 6, 1, "exchange_outage"),
        ("CCCUSDT", 15, 1, "exchange_outage"),
    ]
    assert gaps(engine) == expected
    assert {v.value: n for v, n in report.judged.verdicts.items()} == {
        "no_data": 2, "exchange_outage": 6,
    }  # fmt: skip
    sql = "SELECT evidence FROM market.gaps WHERE symbol = 'AAAUSDT' ORDER BY gap_start"
    with engine.connect() as connection:
        first, second, *_ = connection.execute(text(sql)).scalars()
    assert first == {
        "witnesses": 2, "have_it": ["BBBUSDT", "CCCUSDT"], "asked": "held", "checks": 1,
    }  # fmt: skip
    assert second["symbols"] == ["BBBUSDT", "CCCUSDT"]
    again = load(engine, *files)
    assert (again.written.inserted, again.written.corrected, again.files) == (0, 0, 4)
    assert gaps(engine) == expected


def test_a_hole_that_another_file_fills_is_none(engine: Engine, tmp_path: Path) -> None:
    load(engine, save(tmp_path, "AAAUSDT", without(5, 6)))
    assert gaps(engine) == [("AAAUSDT", 5, 2, "pending")]
    load(engine, save(tmp_path, "AAAUSDT", [5]))
    assert gaps(engine) == [("AAAUSDT", 6, 1, "pending")]


HOLES = {"AAAUSDT": without(5, 6, 15), "BBBUSDT": without(5, 6, 7), "CCCUSDT": [0, 23]}


def split(folder: Path, symbol: str, hours: Sequence[int], size: int) -> list[CandleFile]:
    """Files of at most so many hours, in no order."""
    parts = [hours[at : at + size] for at in range(0, len(hours), size)]
    files = []
    for number, part in enumerate(parts):
        (folder / f"{number}").mkdir(exist_ok=True)
        files.append(save(folder / f"{number}", symbol, part))
    return files[::-1]


@pytest.mark.parametrize(("size", "imports"), [(1, "one"), (5, "many"), (24, "one")])
def test_files_leave_the_same_gaps_however_candles_are_divided_into_them(
    engine: Engine, tmp_path: Path, size: int, imports: str
) -> None:
    files = [file for one in HOLES.items() for file in split(tmp_path, *one, size)]
    if imports == "one":
        load(engine, *files)
    else:
        for file in files:
            load(engine, file)
    # The hole of CCC is known as a whole, and by what the two others lack.
    assert gaps(engine) == [
        ("AAAUSDT", 5, 2, "exchange_outage"),
        ("AAAUSDT", 15, 1, "no_data"),
        ("BBBUSDT", 5, 2, "exchange_outage"),
        ("BBBUSDT", 7, 1, "no_data"),
        ("CCCUSDT", 1, 4, "no_data"),
        ("CCCUSDT", 5, 2, "exchange_outage"),
        ("CCCUSDT", 7, 16, "no_data"),
    ]
    with engine.connect() as connection:
        sql = "SELECT symbol, expected, present, absent, pending FROM market.coverage_totals"
        assert connection.execute(text(sql + " ORDER BY 1")).all() == [
            ("AAAUSDT", 24, 21, 3, 0), ("BBBUSDT", 24, 21, 3, 0), ("CCCUSDT", 24, 2, 22, 0),
        ]  # fmt: skip


def test_between_two_imports_is_a_hole_and_nobody_wants_it(engine: Engine, tmp_path: Path) -> None:
    load(engine, save(tmp_path, "AAAUSDT", [20, 21]))
    load(engine, save(tmp_path, "AAAUSDT", [0, 1]))
    assert gaps(engine) == [("AAAUSDT", 2, 18, "pending")]
    report = load(engine, save(tmp_path, "AAAUSDT", [10, 11]))
    assert gaps(engine) == [("AAAUSDT", 2, 8, "pending"), ("AAAUSDT", 12, 8, "pending")]
    assert report.judged.verdicts == {Verdict.PENDING: 16}
    with engine.connect() as connection:
        sql = "SELECT expected, present, pending FROM market.coverage_totals"
        assert connection.execute(text(sql)).all() == [(22, 6, 16)]
        assert connection.execute(text("SELECT * FROM market.series")).all() == []


def test_an_outage_has_a_witness_whenever_it_comes(engine: Engine, tmp_path: Path) -> None:
    lacking = without(5, 6)
    load(engine, save(tmp_path, "AAAUSDT", lacking))
    assert gaps(engine) == [("AAAUSDT", 5, 2, "pending")]
    load(engine, save(tmp_path, "BBBUSDT", lacking))
    both = [("AAAUSDT", 5, 2, "exchange_outage"), ("BBBUSDT", 5, 2, "exchange_outage")]
    assert gaps(engine) == both
    assert evidence(engine, "AAAUSDT") == [
        {"witnesses": 1, "symbols": ["BBBUSDT"], "asked": "held", "checks": 2}
    ]
    # A third one has a candle there: only what all of them lack was an outage.
    load(engine, save(tmp_path, "CCCUSDT", without(6)))
    assert gaps(engine) == [
        ("AAAUSDT", 5, 1, "no_data"),
        ("AAAUSDT", 6, 1, "exchange_outage"),
        ("BBBUSDT", 5, 1, "no_data"),
        ("BBBUSDT", 6, 1, "exchange_outage"),
        ("CCCUSDT", 6, 1, "exchange_outage"),
    ]
    assert [one["witnesses"] for one in evidence(engine, "AAAUSDT")] == [2, 2]


def test_an_import_that_brings_nothing_new_leaves_gaps_as_they_are(
    engine: Engine, tmp_path: Path
) -> None:
    files = [save(tmp_path, "AAAUSDT", without(5)), save(tmp_path, "BBBUSDT", range(3, 9))]
    files += [save(tmp_path, "CCCUSDT", without(1))]
    load(engine, *files)
    sql = text("SELECT * FROM market.gaps ORDER BY symbol, gap_start")
    with engine.connect() as connection:
        before = connection.execute(sql).all()
    assert len(before) == 2
    load(engine, *files)
    with engine.connect() as connection:
        assert connection.execute(sql).all() == before


def evidence(engine: Engine, symbol: str) -> list[dict[str, object]]:
    sql = text("SELECT evidence FROM market.gaps WHERE symbol = :symbol ORDER BY gap_start")
    with engine.connect() as connection:
        return list(connection.execute(sql, {"symbol": symbol}).scalars())


def test_one_that_was_not_asked_is_no_witness_and_lets_nobody_speak_for_it(
    engine: Engine, tmp_path: Path
) -> None:
    load(engine, save(tmp_path, "CCCUSDT", without(5)))
    with engine.begin() as connection:
        # As a series that is being collected: what it lacks, nobody has asked for.
        connection.execute(text("DELETE FROM market.gaps"))
    load(engine, save(tmp_path, "AAAUSDT", without(5)), save(tmp_path, "BBBUSDT", without(5)))
    assert gaps(engine) == [("AAAUSDT", 5, 1, "pending"), ("BBBUSDT", 5, 1, "pending")]


def test_a_ticker_between_its_two_assets_was_not_trading(engine: Engine, tmp_path: Path) -> None:
    start = datetime(2022, 5, 12, tzinfo=UTC)
    load(engine, save(tmp_path, "LUNAUSDT", [0, 24 * 20], start))
    with engine.connect() as connection:
        sql = "SELECT verdict, gap_start::date::text FROM market.gaps ORDER BY gap_start"
        assert connection.execute(text(sql)).all() == [
            ("pending", "2022-05-12"),
            ("not_trading", "2022-05-13"),
            ("pending", "2022-05-31"),
        ]


def test_what_has_not_closed_on_the_exchanges_clock_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    clock = T0 + timedelta(hours=9, minutes=59)
    see_exchange(engine, clock)
    assert select_now(warehouse_of(engine)) == clock
    report = load(engine, save(tmp_path, "AAAUSDT", DAY))
    assert (report.written.inserted, report.written.quarantined) == (9, 15)
    with engine.connect() as connection:
        sql = "SELECT DISTINCT rule FROM market.quarantined_candles"
        assert list(connection.execute(text(sql)).scalars()) == ["not_closed"]
    assert gaps(engine) == []


def test_the_later_of_two_files_that_differ_is_stored(engine: Engine, tmp_path: Path) -> None:
    load(engine, save(tmp_path, "AAAUSDT", DAY))
    assert load(engine, save(tmp_path, "AAAUSDT", DAY, close="2.6")).written.corrected == 24
    with engine.connect() as connection:
        sql = "SELECT DISTINCT close::text FROM market.candles"
        assert list(connection.execute(text(sql)).scalars()) == ["2.6"]


def test_of_two_files_with_a_candle_the_one_that_saw_more_of_it_counts(
    engine: Engine, tmp_path: Path
) -> None:
    """One was written before its last candle was over, whichever is read first."""
    for name in ("early", "late"):
        (tmp_path / name).mkdir()
    early = save(tmp_path / "early", "AAAUSDT", range(10), close="2.1")
    early.path.write_text(early.path.read_text().replace(",7.1\n", ",0.3\n"))
    late = save(tmp_path / "late", "AAAUSDT", range(9, 20))
    for order in ([late, early], [early, late]):
        load(engine, *order)
        with engine.connect() as connection:
            sql = text("SELECT close, volume FROM market.candles WHERE open_time = :at")
            stored = connection.execute(sql, {"at": T0 + 9 * HOUR}).one()
        assert list(map(str, stored)) == ["2.5", "7.1"]


def test_impossible_rows_are_kept_apart_and_leave_a_gap(engine: Engine, tmp_path: Path) -> None:
    file = save(tmp_path, "AAAUSDT", DAY)
    broken = file.path.read_text().replace(
        f"{to_ms(T0 + 3 * HOUR)},2.0", f"{to_ms(T0 + 3 * HOUR)},9"
    )
    file.path.write_text(broken, encoding="ascii")
    assert load(engine, file).written.quarantined == 1
    assert gaps(engine) == [("AAAUSDT", 3, 1, "pending")]


def test_a_file_that_cannot_be_read_leaves_those_before_it_stored_and_judged(
    engine: Engine, tmp_path: Path
) -> None:
    first, second = split(tmp_path, "AAAUSDT", without(12), 12)
    bad = CandleFile(tmp_path / "BBBUSDT_1h.csv", Series("BBBUSDT", Timeframe.H1))
    bad.path.write_text("nothing, of the kind\n", encoding="ascii")
    with pytest.raises(UnreadableFile, match="BBBUSDT_1h"):
        load(engine, first, second, bad)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM market.candles")).scalar() == 23
    assert gaps(engine) == [("AAAUSDT", 12, 1, "pending")]


def test_two_files_that_differ_where_they_overlap_are_named(engine: Engine, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    load(engine, save(tmp_path, "AAAUSDT", [0, 1], close="2.7"))
    files = [
        save(tmp_path / "a", "AAAUSDT", range(10)),
        # Equal, in other digits; nor is a conflict what was stored before.
        save(tmp_path / "b", "AAAUSDT", range(10), close="2.50"),
        save(tmp_path / "c", "AAAUSDT", range(7, 20), close="2.6"),
    ]
    report = load(engine, *files)
    assert [(one.earlier, one.later, one.candles, one.first) for one in report.conflicts] == [
        (files[0].path, files[2].path, 3, T0 + 7 * HOUR),
        (files[1].path, files[2].path, 3, T0 + 7 * HOUR),
    ]
    assert str(report.conflicts[0]).endswith(
        "both have candles of AAAUSDT 1h and differ in 3 of them, first at 2024-02-27T07:00Z"
    )
