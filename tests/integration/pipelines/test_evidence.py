"""What is kept of how verdicts were found, and what becomes of them when candles turn up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.instruments import Instrument
from candlehouse.pipelines.collecting.collect import collect
from candlehouse.pipelines.collecting.file_recheck import recheck_files
from candlehouse.pipelines.fetching.collect_options import CollectOptions
from candlehouse.pipelines.judging.verdicts import judge_gaps
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import upsert_instruments
from support.data.four_hours import set_clock
from support.exchanges.model_archive import ModelArchive
from support.exchanges.model_exchange import ModelExchange, hours
from support.warehouses import warehouse_of

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT", "FUSDT")
# The month of files is there, that of the days around now is not.
START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2025, 2, 12, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ASKED = {Series(symbol, Timeframe.H1): Span(START, NOW) for symbol in SYMBOLS}
A = Series("AUSDT", Timeframe.H1)
# In January, which comes from files, and in February, which comes from REST.
EARLY = hours(START, 51, 55)
LATE = hours(START, 24 * 36 + 3, 24 * 36 + 6)
JANUARY = ArchiveFile(A, Tree.MONTHLY, START)
LATE_DAY = ArchiveFile(A, Tree.DAILY, START + 36 * DAY)
Row = tuple[object, ...]


@dataclass
class World:
    """An exchange, its archive and a warehouse."""

    engine: Engine
    exchange: ModelExchange
    archive: ModelArchive

    def collect(self, asked: Mapping[Series, Span] = ASKED, after: timedelta = 0 * DAY) -> None:
        """What `fill_gaps` does, at a later time of the exchange's clock."""
        self.exchange.now += after
        now, options = self.exchange.now, CollectOptions(archive=self.archive)
        report = asyncio.run(collect(warehouse_of(self.engine), self.exchange, asked, now, options))
        assert report.failures == {}
        asyncio.run(
            recheck_files(warehouse_of(self.engine), self.archive, asked, now, options.grace)
        )
        judged = asyncio.run(
            judge_gaps(warehouse_of(self.engine), self.exchange, asked, now, options)
        )
        assert judged.failures == {}
        with self.engine.connect() as connection:
            assert list(find_differences(connection)) == []

    def publish(self, file: ArchiveFile, whole: ModelExchange) -> None:
        """Makes a file hold another exchange's candles."""
        other = ModelArchive(whole)
        self.archive.texts[file] = other.text(file)

    def rows(self, sql: str) -> list[Row]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def checks(self, symbol: str, own: bool = True) -> list[Row]:
        sign = "=" if own else "<>"
        return self.rows(
            "SELECT subject, source, range_start, range_end, answer, asked_at"
            f" FROM market.gap_checks WHERE symbol = '{symbol}' AND subject {sign} symbol"
            " ORDER BY 3, 2, 1"
        )

    def verdicts(self, symbol: str = "AUSDT") -> list[Row]:
        sql = "SELECT gap_start, gap_end, verdict FROM market.gaps"
        return self.rows(f"{sql} WHERE symbol = '{symbol}' ORDER BY 1")

    def history(self) -> list[Row]:
        return self.rows(
            "SELECT symbol, gap_start, gap_end, verdict, filled_at FROM market.gap_history"
        )

    def evidence(self, symbol: str = "AUSDT") -> dict[str, object]:
        ((found,),) = self.rows(f"SELECT evidence FROM market.gaps WHERE symbol = '{symbol}'")
        assert isinstance(found, dict)
        return found


@pytest.fixture
def world(warehouse_url: str) -> Iterator[World]:
    engine = connect(warehouse_url)
    exchange = ModelExchange(NOW, dict.fromkeys(SYMBOLS, START - 40 * DAY))
    yield World(engine, exchange, ModelArchive(exchange))
    engine.dispose()


def undisturbed(world: World) -> ModelExchange:
    """The same exchange without outages and holes."""
    return ModelExchange(world.exchange.now, world.exchange.listed)


def test_evidence_tells_symbols_that_rest_was_asked_about_from_those_of_files(
    world: World,
) -> None:
    world.exchange.dark = [EARLY]
    world.collect()
    nothing = ("nothing", NOW)
    # Three were asked of both, the others are skipped.
    assert world.checks("AUSDT") == [
        ("AUSDT", "archive", *EARLY, *nothing),
        ("AUSDT", "rest", *EARLY, *nothing),
    ]
    assert world.checks("DUSDT") == [("DUSDT", "archive", *EARLY, *nothing)]
    assert world.verdicts("DUSDT") == [(*EARLY, "exchange_outage")]
    assert world.evidence("DUSDT") == {
        "witnesses": 5,
        "symbols": ["AUSDT", "BUSDT", "CUSDT", "EUSDT", "FUSDT"],
        "by_files_alone": 2,
        "checks": 1,
    }
    witnesses = [(subject, source) for subject, source, *_ in world.checks("DUSDT", own=False)]
    assert witnesses == [
        *((symbol, "archive") for symbol in ("AUSDT", "BUSDT", "CUSDT", "EUSDT", "FUSDT")),
        *((symbol, "rest") for symbol in ("AUSDT", "BUSDT", "CUSDT")),
    ]


def test_witnesses_are_asked_about_exactly_the_hole(world: World) -> None:
    world.exchange.dark = [LATE]
    world.collect({A: Span(START + 32 * DAY, NOW)})
    assert world.checks("AUSDT", own=False) == [
        (symbol, "rest", *LATE, "nothing", NOW) for symbol in ("BUSDT", "CUSDT", "DUSDT")
    ]


def test_a_lone_hole_is_asked_again_of_rest_and_of_the_file_of_its_day(world: World) -> None:
    world.exchange.holes = [("AUSDT", LATE)]
    world.publish(LATE_DAY, undisturbed(world))
    world.collect()
    assert LATE_DAY in world.archive.requested
    assert world.verdicts() == []
    sources = world.rows(
        "SELECT DISTINCT source FROM market.candles WHERE symbol = 'AUSDT'"
        f" AND open_time >= '{LATE.start}' AND open_time < '{LATE.end}'"
    )
    assert sources == [("archive",)]
    # The others were asked for nothing: they lack nothing.
    assert [file for file in world.archive.requested if file.tree is Tree.DAILY] == [LATE_DAY]


def test_nobody_has_it_after_both_were_asked(world: World) -> None:
    world.exchange.holes = [("AUSDT", LATE)]
    world.collect()
    assert world.verdicts() == [(*LATE, "no_data")]
    assert world.evidence()["asked_again"] == ["rest", "archive"]
    assert world.checks("AUSDT") == [
        ("AUSDT", "archive", *LATE, "nothing", NOW),
        ("AUSDT", "rest", *LATE, "nothing", NOW),
    ]
    has_it = ("BUSDT", "CUSDT", "DUSDT", "EUSDT", "FUSDT")
    assert world.checks("AUSDT", own=False) == [
        (symbol, "warehouse", *LATE, "present", NOW) for symbol in has_it
    ]


def test_a_file_that_is_not_there_is_asked_for_again_when_it_may_have_come(world: World) -> None:
    world.exchange.holes = [("AUSDT", LATE)]
    world.archive.missing = ("data/spot/daily",)
    world.collect()
    answer = ("AUSDT", "archive", *LATE, "not published", NOW)
    assert world.checks("AUSDT")[0] == answer
    world.archive.requested.clear()
    world.collect(after=timedelta(hours=2))
    assert LATE_DAY not in world.archive.requested
    assert world.checks("AUSDT")[0] == answer
    assert world.checks("AUSDT")[1][-1] == world.exchange.now, "REST was asked again"
    world.collect(after=timedelta(hours=20))
    assert LATE_DAY in world.archive.requested
    assert world.checks("AUSDT")[0] == (*answer[:-1], world.exchange.now)


def test_a_file_that_cannot_be_there_yet_is_not_asked_for(world: World) -> None:
    today = Span(NOW.replace(hour=3, minute=0), NOW.replace(hour=5, minute=0))
    world.exchange.holes = [("AUSDT", today)]
    world.collect()
    assert world.verdicts() == [(*today, "no_data")]
    assert world.evidence()["asked_again"] == ["rest"]
    assert [source for _, source, *_ in world.checks("AUSDT")] == ["rest"]


def test_an_archive_out_of_reach_is_not_said_to_have_answered(world: World) -> None:
    world.exchange.holes = [("AUSDT", LATE)]
    world.archive.down = True
    world.collect()
    assert world.verdicts() == [(*LATE, "no_data")]
    assert world.evidence()["asked_again"] == ["rest"]


def test_a_whole_month_is_asked_of_its_file_and_the_rest_of_days(world: World) -> None:
    hole = Span(START - 2 * DAY, START + 33 * DAY)
    world.exchange.holes = [("AUSDT", hole)]
    world.archive.missing = ("data/spot/monthly/klines/AUSDT/1h/AUSDT-1h-2025-01",)
    asked = {series: Span(START - 10 * DAY, NOW) for series in ASKED}
    world.collect(asked)
    assert world.verdicts() == [(*hole, "no_data")]
    own = [row for row in world.checks("AUSDT") if row[1] == "archive"]
    assert own == [("AUSDT", "archive", *hole, "nothing", NOW)]
    tried = [file for file in world.archive.requested if file.series == A]
    assert tried.count(JANUARY) == 1
    assert {file.start for file in tried if file.tree is Tree.DAILY} == {
        START + n * DAY for n in range(-2, 33)
    }


@pytest.mark.parametrize("verdict", ["exchange_outage", "no_data"])
def test_a_file_that_is_published_late_fills_what_had_a_verdict(world: World, verdict: str) -> None:
    if verdict == "no_data":
        world.exchange.holes = [("AUSDT", LATE)]
    else:
        world.exchange.dark = [LATE]
    world.archive.missing = ("data/spot/daily",)
    world.collect()
    world.collect(after=timedelta(hours=2))
    assert world.verdicts() == [(*LATE, verdict)]
    world.archive.missing = ()
    # It has all but the last hour.
    world.exchange.now += 2 * DAY
    whole = undisturbed(world)
    whole.holes = [("AUSDT", Span(LATE.end - timedelta(hours=1), LATE.end))]
    world.publish(LATE_DAY, whole)
    world.collect()
    assert world.history() == [
        ("AUSDT", LATE.start, LATE.end - timedelta(hours=1), verdict, world.exchange.now)
    ]
    assert world.verdicts() == [(LATE.end - timedelta(hours=1), LATE.end, verdict)]
    # What the filled ones had been judged by is still there.
    witnesses = {row[0] for row in world.checks("AUSDT", own=False) if row[2] == LATE.start}
    assert len(witnesses) == 5


def test_a_file_that_is_replaced_fills_what_had_a_verdict(world: World) -> None:
    world.exchange.holes = [("AUSDT", EARLY)]
    world.collect()
    assert world.verdicts() == [(*EARLY, "no_data")]
    assert world.evidence()["asked_again"] == ["rest", "archive"]
    world.publish(JANUARY, undisturbed(world))
    world.collect(after=2 * DAY)
    assert world.verdicts() == []
    assert world.history() == [("AUSDT", *EARLY, "no_data", world.exchange.now)]


def test_a_verdict_changes_when_others_turn_out_to_have_it(world: World) -> None:
    world.exchange.dark = [LATE]
    world.collect()
    assert world.verdicts() == [(*LATE, "exchange_outage")]
    world.exchange.dark = []
    world.exchange.holes = [("AUSDT", LATE)]
    world.collect(after=DAY)
    assert world.verdicts() == [(*LATE, "no_data")]
    assert {row[4] for row in world.checks("AUSDT", own=False)} == {"present"}


def test_what_is_kept_does_not_grow_with_how_often_it_is_asked(world: World) -> None:
    world.exchange.dark = [EARLY, LATE]
    world.exchange.holes = [("AUSDT", hours(START, 80, 82))]
    world.collect()
    counts = set()
    for days in (1, 2, 8, 31, 31, 31):
        world.collect({**ASKED, A: Span(START, NOW)}, after=days * DAY)
        counts |= set(world.rows("SELECT count(*) FROM market.gap_checks"))
    assert len(counts) <= 2, "only who is asked of what may change, once"
    ((most,),) = world.rows(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM market.gap_checks"
        " GROUP BY symbol, range_start) AS c"
    )
    assert isinstance(most, int)
    assert most <= 2 + 2 * 5


def test_neighbours_that_are_merged_keep_what_each_was_answered(world: World) -> None:
    first, second = hours(LATE.start, 0, 2), hours(LATE.start, 2, 3)
    world.exchange.holes = [("AUSDT", LATE)]
    world.collect({A: first})
    world.collect({A: second}, after=timedelta(minutes=30))
    assert world.verdicts() == [(*LATE, "no_data")]
    rest = [row for row in world.checks("AUSDT") if row[1] == "rest"]
    assert rest == [
        ("AUSDT", "rest", *first, "nothing", NOW),
        ("AUSDT", "rest", *second, "nothing", world.exchange.now),
    ]


def test_listing_and_end_say_when_they_were_asked(world: World) -> None:
    set_clock(world.engine, NOW)
    world.exchange.listed["AUSDT"] = START + 3 * DAY
    world.exchange.ended["AUSDT"] = START + 5 * DAY
    world.collect()
    assert world.verdicts() == [
        (START, START + 3 * DAY, "not_listed"),
        (START + 5 * DAY, NOW.replace(minute=0), "delisted"),
    ]
    answers = [row for row in world.checks("AUSDT") if row[1] == "rest"]
    assert answers == [
        ("AUSDT", "rest", START, START + 3 * DAY, "nothing", NOW),
        ("AUSDT", "rest", START + 5 * DAY, NOW.replace(minute=0), "nothing", NOW),
    ]


def test_a_symbol_without_any_candle_is_looked_at_again(world: World) -> None:
    set_clock(world.engine, NOW)
    world.exchange.listed["AUSDT"] = NOW + timedelta(hours=2)
    asked = {A: Span(START, NOW + DAY)}
    world.collect(asked)
    until = NOW.replace(minute=0)
    assert world.verdicts() == [(START, until, "not_listed")]
    world.collect(asked, after=timedelta(hours=6))
    listed = NOW.replace(hour=11, minute=0)
    assert world.verdicts() == [(START, listed, "not_listed")]
    stored = world.rows("SELECT min(open_time), count(*) FROM market.candles")
    assert stored == [(listed, 4)]


def test_between_two_assets_on_a_ticker_nothing_traded(world: World) -> None:
    luna = Series("LUNAUSDT", Timeframe.H1)
    days = [datetime(2022, 5, day, tzinfo=UTC) for day in (10, 13, 31)]
    world.exchange.listed["LUNAUSDT"] = days[0]
    world.exchange.listed.update(dict.fromkeys(SYMBOLS, days[0]))
    # The one ended at 00:40, the other began at 06:00, and lost an hour later.
    pause = Span(days[1] + HOUR, days[2] + 6 * HOUR)
    lost = Span(days[2] + 9 * HOUR, days[2] + 10 * HOUR)
    world.exchange.holes = [("LUNAUSDT", pause), ("LUNAUSDT", lost)]
    world.collect({luna: Span(days[0], days[2] + DAY)})
    assert world.verdicts("LUNAUSDT") == [(*pause, "not_trading"), (*lost, "no_data")]
    sql = "SELECT evidence -> 'between_assets' FROM market.gaps WHERE verdict = 'not_trading'"
    assert world.rows(sql) == [(["terra-luna", "terra-luna-2"],)]
    # REST was asked all the same.
    assert ("LUNAUSDT", "rest", *pause, "nothing", NOW) in world.checks("LUNAUSDT")


@pytest.mark.parametrize("recorded", [True, False])
def test_pairs_that_a_list_lacks_have_not_ended(world: World, recorded: bool) -> None:
    world.exchange.holes = [("AUSDT", LATE)]
    world.exchange.ended["BUSDT"] = LATE.start
    world.exchange.unlisted = set(SYMBOLS) - {"FUSDT"}
    if recorded:
        pairs = [Instrument(name, name[0], "USDT", "TRADING") for name in SYMBOLS if name[0] != "B"]
        with world.engine.begin() as connection:
            upsert_instruments(connection, pairs, START)
    world.collect({series: Span(START + 32 * DAY, NOW) for series in ASKED})
    assert world.verdicts() == [(*LATE, "no_data")]
    # One has no candles any more, whatever a list says.
    assert world.verdicts("BUSDT") == [(LATE.start, NOW.replace(minute=0), "delisted")]
    ended = world.rows("SELECT symbol FROM market.series WHERE wanted_to IS NOT NULL")
    assert ended == [("BUSDT",)]
