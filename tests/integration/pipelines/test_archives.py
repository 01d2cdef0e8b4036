"""Collecting from published files, whatever is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import RateLimited
from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.collecting.collect import collect
from candlehouse.pipelines.collecting.file_recheck import recheck_files
from candlehouse.pipelines.fetching.collect_options import CollectOptions, CollectReport
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.pipelines.judging.verdicts import judge_gaps
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from support.data.tables import digest_tables
from support.exchanges.model_archive import ModelArchive
from support.exchanges.model_exchange import Killed, ModelExchange
from support.warehouses import warehouse_of

GRACE = timedelta(minutes=10)
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")
# Over the day from which on files are in microseconds.
START = datetime(2024, 12, 1, tzinfo=UTC)
NOW = datetime(2025, 2, 12, 9, 30, tzinfo=UTC)
ASKED = {Series(symbol, Timeframe.H1): Span(START, NOW) for symbol in SYMBOLS}
A = Series("AUSDT", Timeframe.H1)
ALONE = {A: ASKED[A]}
DECEMBER = ArchiveFile(A, Tree.MONTHLY, START)
JANUARY = ArchiveFile(A, Tree.MONTHLY, datetime(2025, 1, 1, tzinfo=UTC))
SLOTS = (NOW - START) // timedelta(hours=1)


@dataclass
class World:
    """An exchange, its archive and a warehouse."""

    engine: Engine
    exchange: ModelExchange
    archive: ModelArchive

    def collect(self, asked: Mapping[Series, Span] = ASKED, archive: bool = True) -> CollectReport:
        options = CollectOptions(archive=self.archive if archive else None)
        now = self.exchange.now
        report = asyncio.run(collect(warehouse_of(self.engine), self.exchange, asked, now, options))
        assert report.failures == {}
        asyncio.run(judge_gaps(warehouse_of(self.engine), self.exchange, asked, now, options))
        return report

    def recheck(self, after: timedelta) -> int:
        """Candles that are corrected when files are looked at again."""
        self.exchange.now += after
        now = self.exchange.now
        written = asyncio.run(
            recheck_files(warehouse_of(self.engine), self.archive, ASKED, now, GRACE)
        )
        return written.corrected

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def sources(self, symbol: str = "AUSDT") -> dict[str, int]:
        sql = f"SELECT source, count(*) FROM market.candles WHERE symbol = '{symbol}' GROUP BY 1"
        return dict(self.rows(sql))  # type: ignore[arg-type]

    def require_exact(self, asked: Mapping[Series, Span] = ASKED) -> None:
        """Every candle is the exchange's own, and the counts agree."""
        with self.engine.connect() as connection:
            assert list(find_differences(connection)) == []
        stored = {
            (str(symbol), opens): tuple(values)
            for symbol, opens, *values in self.rows(
                "SELECT symbol, open_time, open::text, high::text, low::text, close::text,"
                " volume::text, close_time, quote_volume::text, trades::text,"
                " taker_buy_volume::text, taker_buy_quote_volume::text FROM market.candles"
            )
        }
        expected = {}
        for series, span in asked.items():
            for slot in self.exchange.slots(series, span):
                if slot + series.timeframe.length > NOW:
                    continue
                items = self.exchange.row(series, slot).rstrip("\n").split("\t")[2:]
                items[5] = slot + timedelta(hours=1, milliseconds=-1)  # type: ignore[call-overload]
                expected[series.symbol, slot] = tuple(items)
        assert stored == expected


@pytest.fixture
def world(warehouse_url: str) -> Iterator[World]:
    engine = connect(warehouse_url)
    exchange = ModelExchange(NOW, dict.fromkeys(SYMBOLS, START - timedelta(days=40)))
    yield World(engine, exchange, ModelArchive(exchange))
    engine.dispose()


def other(text: bytes, number: int) -> bytes:
    """A file whose row of that number has another volume."""
    lines = text.splitlines(keepends=True)
    items = lines[number].split(b",")
    items[5] = b"987654.00000001"
    lines[number] = b",".join(items)
    return b"".join(lines)


def test_months_come_from_files_and_the_rest_from_rest(world: World) -> None:
    report = world.collect()
    world.require_exact()
    assert world.sources() == {"archive": 62 * 24, "rest": SLOTS - 62 * 24}
    assert report.files == 2 * len(SYMBOLS)
    assert report.written.inserted == SLOTS * len(SYMBOLS)
    assert world.rows(
        "SELECT state, tree, sum(rows), count(sha256), count(loaded_at), min(checked_at)"
        " FROM market.archive_files GROUP BY 1, 2"
    ) == [("loaded", "monthly", 62 * 24 * len(SYMBOLS), 8, 8, NOW)]
    world.archive.requested.clear()
    assert world.collect().written.inserted == 0
    assert world.archive.requested == []


def test_files_and_requests_bring_the_same(
    world: World, fresh_database: Callable[..., str]
) -> None:
    world.collect()
    engine = connect(fresh_database())
    try:
        World(engine, world.exchange, world.archive).collect(archive=False)
        assert digest_tables(engine) == digest_tables(world.engine)
    finally:
        engine.dispose()


def test_a_month_that_is_not_published_comes_from_days_or_pages(world: World) -> None:
    minutes = Series("AUSDT", Timeframe.M5)
    span = Span(START, START + timedelta(days=31))
    tenth = "data/spot/daily/klines/AUSDT/5m/AUSDT-5m-2024-12-10"
    world.archive.missing = ("data/spot/monthly", tenth)
    world.collect({minutes: span})
    assert world.sources() == {"archive": 30 * 288, "rest": 288}
    assert world.rows(
        "SELECT tree, state, count(*) FROM market.archive_files GROUP BY 1, 2 ORDER BY 1, 2"
    ) == [("daily", "loaded", 30), ("daily", "missing", 1), ("monthly", "missing", 1)]
    # What is known to be missing is not asked for again within a day.
    world.archive.requested.clear()
    world.collect({minutes: span})
    assert world.archive.requested == []


@pytest.mark.parametrize("fault", ["truncated", "checksum", "no zip"])
def test_a_file_that_is_broken_is_not_used(world: World, fault: str) -> None:
    if fault == "truncated":
        world.archive.truncated.add(DECEMBER)
    elif fault == "checksum":
        world.archive.checksums[DECEMBER] = "0" * 64
    else:
        world.archive.texts[DECEMBER] = b"0" * 60_000_000
    world.collect()
    world.require_exact()
    assert world.sources() == {"archive": 31 * 24, "rest": SLOTS - 31 * 24}
    ((state, sha256, problem),) = world.rows(
        "SELECT state, sha256, problem FROM market.archive_files"
        " WHERE symbol = 'AUSDT' AND period_start = '2024-12-01'"
    )
    assert (state, sha256) == ("broken", None)
    assert "AUSDT-1h-2024-12" in str(problem)


def test_half_a_file_is_filled_up_and_found_when_it_is_replaced(world: World) -> None:
    whole = world.archive.text(DECEMBER)
    half = b"".join(whole.splitlines(keepends=True)[:372])
    world.archive.texts[DECEMBER] = other(half, 100)
    world.collect()
    # The half that was published counts, and what it lacks was asked of REST.
    assert world.sources() == {"archive": 372 + 31 * 24, "rest": SLOTS - 372 - 31 * 24}
    assert world.rows("SELECT count(*) FROM market.gaps") == [(0,)]

    assert world.recheck(timedelta(hours=1)) == 0
    assert world.archive.checked == []
    del world.archive.texts[DECEMBER]
    assert world.recheck(timedelta(hours=20)) == 1
    world.exchange.now = NOW
    world.require_exact()
    assert world.rows(
        "SELECT source_before, source_after, applied, before->>'volume', reason"
        " FROM market.corrections"
    ) == [("archive", "archive", True, "987654.00000001", "replaced_file")]
    ((rows,),) = world.rows(
        "SELECT rows FROM market.archive_files"
        " WHERE symbol = 'AUSDT' AND period_start < '2025-01-01'"
    )
    assert rows == 31 * 24
    # All were looked at, one was loaded again.
    assert len(world.archive.checked) == 2 * len(SYMBOLS)


def test_the_archive_wins_over_rest_and_rest_never_over_the_archive(world: World) -> None:
    world.archive.texts[DECEMBER] = other(world.archive.text(DECEMBER), 100)
    # REST has brought a part of the month before, the row in question among it.
    early = Span(START, START + timedelta(days=5))
    world.collect({A: early}, archive=False)
    world.collect()
    slot = START + timedelta(hours=100)
    assert world.rows(
        f"SELECT volume::text, source FROM market.candles"
        f" WHERE symbol = 'AUSDT' AND open_time = '{slot.isoformat()}'"
    ) == [("987654.00000001", "archive")]
    assert world.rows(
        "SELECT open_time, source_before, source_after, applied, after->>'volume'"
        " FROM market.corrections"
    ) == [(slot, "rest", "archive", True, "987654.00000001")]
    # What was equal keeps where it came from, and was confirmed.
    assert world.sources() == {"archive": 62 * 24 - 119, "rest": SLOTS - 62 * 24 + 119}
    assert world.rows(
        "SELECT source, sum(candles), sum(differing) FROM market.confirmations GROUP BY 1"
    ) == [("archive", 120, 1)]

    page = asyncio.run(world.exchange.fetch_page(A, early, 1000))
    store_pages(warehouse_of(world.engine), [page], NOW, GRACE)
    assert world.rows("SELECT count(*) FROM market.corrections WHERE NOT applied") == [(1,)]
    ((volume,),) = world.rows(
        f"SELECT volume::text FROM market.candles WHERE symbol = 'AUSDT'"
        f" AND open_time = '{slot.isoformat()}'"
    )
    assert volume == "987654.00000001"


BROKEN = pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda items: [*items[:4], b"NaN", *items[5:]], "no_candle"),
        (lambda items: [*items[:5], b"", *items[6:]], "no_candle"),
        (lambda items: items[:8], "no_candle"),
        (lambda items: [*items[:1], b"1.2.3", *items[2:]], "no_candle"),
        (lambda items: [b"9" * 15, *items[1:]], "outside_file"),
        (lambda items: [b"9" * 18, *items[1:]], "no_candle"),
        (lambda items: [b"9" * 19, *items[1:]], "no_candle"),
        (lambda items: [*items[:6], b"9" * 18, *items[7:]], "no_candle"),
        (lambda items: [*items[:6], b"9" * 14, *items[7:]], "wrong_close_time"),
        (lambda items: [*items[:6], b"0", *items[7:]], "wrong_close_time"),
        (lambda items: [*items[:5], b"9" * 41, *items[6:]], "no_candle"),
        (lambda items: [*items[:5], items[5] + b"0" * 41, *items[6:]], "no_candle"),
        (lambda items: [*items[:2], b"0.00000001", *items[3:]], "prices_out_of_order"),
        (lambda items: [*items[:9], b"9999999", *items[10:]], "taker_above_total"),
        (lambda items: [*items[:10], b"9" * 40, *items[11:]], "taker_above_total"),
    ],
)


@BROKEN
def test_a_row_that_is_no_candle_is_kept_apart_and_asked_of_rest(
    world: World, change: Callable[[list[bytes]], list[bytes]], rule: str
) -> None:
    lines = world.archive.text(DECEMBER).splitlines(keepends=True)
    lines[50] = b",".join(change(lines[50].rstrip(b"\n").split(b","))) + b"\n"
    world.archive.texts[DECEMBER] = b"".join(lines)
    world.collect(ALONE)
    world.require_exact(ALONE)
    assert world.sources() == {"archive": 62 * 24 - 1, "rest": SLOTS - 62 * 24 + 1}
    assert world.rows("SELECT symbol, source, rule FROM market.quarantined_candles") == [
        ("AUSDT", "archive", rule)
    ]
    # The file was not asked for a second time for the row that it does not have.
    world.archive.requested.clear()
    world.collect(ALONE)
    assert world.archive.requested == []


@BROKEN
def test_a_row_that_is_no_candle_replaces_none_that_is_held(
    world: World, change: Callable[[list[bytes]], list[bytes]], rule: str
) -> None:
    world.collect({A: Span(START, START + timedelta(days=5))}, archive=False)
    lines = world.archive.text(DECEMBER).splitlines(keepends=True)
    lines[50] = b",".join(change(lines[50].rstrip(b"\n").split(b","))) + b"\n"
    world.archive.texts[DECEMBER] = b"".join(lines)
    world.collect(ALONE)
    world.require_exact(ALONE)
    assert world.rows("SELECT symbol, source, rule FROM market.quarantined_candles") == [
        ("AUSDT", "archive", rule)
    ]
    assert world.rows("SELECT count(*) FROM market.corrections") == [(0,)]


def test_rows_that_are_there_twice_do_not_correct_each_other(world: World) -> None:
    world.collect({A: Span(START, START + timedelta(days=5))}, archive=False)
    lines = world.archive.text(DECEMBER).splitlines(keepends=True)
    twice = other(lines[50], 0)
    world.archive.texts[DECEMBER] = b"".join([*lines[:50], twice, *lines[50:]])
    world.collect(ALONE)
    world.require_exact(ALONE)
    assert world.rows("SELECT rule FROM market.quarantined_candles") == [("duplicate_open_time",)]
    assert world.rows("SELECT count(*) FROM market.corrections") == [(0,)]


def test_a_row_that_is_there_twice_counts_once_the_last_of_them(world: World) -> None:
    lines = world.archive.text(DECEMBER).splitlines(keepends=True)
    twice = other(lines[50], 0)
    world.archive.texts[DECEMBER] = b"".join([*lines[:50], twice, *lines[50:]])
    world.collect(ALONE)
    world.require_exact(ALONE)
    ((rule, raw),) = world.rows("SELECT rule, raw FROM market.quarantined_candles")
    assert rule == "duplicate_open_time"
    assert "987654.00000001" in str(raw)


def test_a_header_and_a_last_line_without_an_end_do_no_harm(world: World) -> None:
    whole = world.archive.text(DECEMBER)
    world.archive.texts[DECEMBER] = b"open_time,open,high\n" + whole.rstrip(b"\n")
    world.collect(ALONE)
    world.require_exact(ALONE)
    assert world.sources()["archive"] == 62 * 24
    assert world.rows("SELECT count(*) FROM market.quarantined_candles") == [(0,)]


def test_a_candle_off_the_grid_fills_its_slot_and_says_so(world: World) -> None:
    lines = world.archive.text(JANUARY).splitlines(keepends=True)
    opens = int(lines[7].split(b",")[0])
    lines[7] = lines[7].replace(str(opens).encode(), str(opens + 28_000_000).encode())
    world.archive.texts[JANUARY] = b"".join(lines)
    world.collect()
    with world.engine.connect() as connection:
        assert list(find_differences(connection)) == []
    assert world.rows("SELECT open_time, flags FROM market.candles WHERE flags IS NOT NULL") == [
        (datetime(2025, 1, 1, 7, 0, 28, tzinfo=UTC), ["odd_close_time", "off_grid"])
    ]
    assert world.rows("SELECT count(*) FROM market.gaps") == [(0,)]


def test_without_the_archive_everything_comes_from_rest(world: World) -> None:
    world.archive.down = True
    report = world.collect()
    world.require_exact()
    assert world.sources() == {"rest": SLOTS}
    assert report.files == 0
    # Nothing is known of files that nobody was asked for.
    assert world.rows("SELECT count(*) FROM market.archive_files") == [(0,)]
    # One file was asked for by each that was on its way; no more after the first failed.
    assert len(world.archive.requested) <= 2 * len(SYMBOLS)


def test_a_closed_gate_does_not_keep_files_away(world: World) -> None:
    async def closed(*_: object) -> RestPage:
        raise RateLimited("the gate is closed", 3600)

    world.exchange.fetch_page = closed  # type: ignore[method-assign]
    with pytest.raises(RateLimited):
        world.collect()
    assert world.sources() == {"archive": 62 * 24}
    assert world.rows("SELECT count(*) FROM market.archive_files") == [(2 * len(SYMBOLS),)]


def test_holes_of_files_get_their_verdicts(world: World) -> None:
    outage = Span(START + timedelta(days=3), START + timedelta(days=3, hours=4))
    lone = Span(START + timedelta(days=9), START + timedelta(days=9, hours=2))
    world.exchange.dark = [outage]
    world.exchange.holes = [("AUSDT", lone)]
    world.collect()
    world.require_exact()
    assert world.rows(
        "SELECT symbol, gap_start, gap_end, verdict FROM market.gaps ORDER BY 1, 2"
    ) == [
        ("AUSDT", *outage, "exchange_outage"),
        ("AUSDT", *lone, "no_data"),
        *((symbol, *outage, "exchange_outage") for symbol in SYMBOLS[1:]),
    ]


def test_only_what_was_asked_for_is_taken_of_a_file(world: World) -> None:
    asked = {A: Span(START + timedelta(days=1, hours=5), START + timedelta(days=31))}
    world.collect(asked)
    ((first, count),) = world.rows("SELECT min(open_time), count(*) FROM market.candles")
    assert (first, count) == (asked[A].start, 31 * 24 - 29)
    assert world.archive.requested == [DECEMBER]


@pytest.mark.parametrize("after", range(0, 8, 2))
def test_being_killed_between_files_loses_nothing(world: World, after: int) -> None:
    world.archive.kill_after = after
    with pytest.raises(Killed):
        world.collect()
    with world.engine.connect() as connection:
        assert list(find_differences(connection)) == []
    ((files, candles),) = world.rows(
        "SELECT (SELECT COALESCE(sum(rows), 0) FROM market.archive_files),"
        " (SELECT count(*) FROM market.candles WHERE source = 'archive')"
    )
    assert files == candles
    world.archive.kill_after = None
    world.archive.requested.clear()
    world.collect()
    world.require_exact()


def test_a_file_is_loaded_again_when_what_it_brought_is_gone(world: World) -> None:
    world.collect()
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "DELETE FROM market.candles_1h WHERE symbol = 'AUSDT' AND open_time < '2025-01-01'"
            )
        )
        connection.execute(
            text("DELETE FROM market.coverage_days WHERE symbol = 'AUSDT' AND day < '2025-01-01'")
        )
    world.archive.requested.clear()
    world.collect()
    assert world.archive.requested == [DECEMBER]
    world.require_exact()


def test_a_gap_that_is_filled_while_another_opens_on_its_day_is_not_mistaken(
    world: World,
) -> None:
    """As many slots of the day are held as the old gap left, but others."""
    old = Span(START + timedelta(hours=30), START + timedelta(hours=31))
    new = Span(START + timedelta(hours=40), START + timedelta(hours=41))
    day = Span(START + timedelta(hours=24), START + timedelta(hours=48))
    world.exchange.holes = [("AUSDT", old)]
    world.collect({A: Span(old.start, old.end)}, archive=False)
    assert world.rows("SELECT gap_start, gap_end FROM market.gaps") == [(old.start, old.end)]
    world.exchange.holes = [("AUSDT", new)]
    page = asyncio.run(world.exchange.fetch_page(A, day, 1000))
    store_pages(warehouse_of(world.engine), [page], NOW, GRACE)
    assert world.rows("SELECT gap_start, gap_end FROM market.gaps") == [(new.start, new.end)]
    with world.engine.connect() as connection:
        assert list(find_differences(connection)) == []


def test_an_outage_of_all_is_asked_of_three(world: World) -> None:
    outage = Span(datetime(2025, 1, 9, 3, tzinfo=UTC), datetime(2025, 1, 9, 7, tzinfo=UTC))
    world.exchange.dark.append(outage)
    asked = _asked_about(world, outage)
    assert sorted(asked) == ["AUSDT", "BUSDT", "CUSDT"]
    world.require_exact()
    assert world.rows(
        "SELECT symbol, gap_start, gap_end, verdict FROM market.gaps ORDER BY symbol"
    ) == [(symbol, *outage, "exchange_outage") for symbol in SYMBOLS]


def test_files_of_all_that_end_early_are_made_up_for_all(world: World) -> None:
    files = [JANUARY._replace(series=series) for series in ASKED]
    for file in files:
        lines = world.archive.text(file).splitlines(keepends=True)
        world.archive.texts[file] = b"".join(lines[:-30])
    end = datetime(2025, 2, 1, tzinfo=UTC)
    asked = _asked_about(world, Span(end - timedelta(hours=30), end))
    assert sorted(asked) == sorted(SYMBOLS)
    world.require_exact()
    assert world.rows("SELECT count(*) FROM market.gaps") == [(0,)]


def _asked_about(world: World, span: Span) -> list[str]:
    """Symbols of which REST was asked for anything in a range."""
    asked = []
    fetch_page = world.exchange.fetch_page

    async def listen(series: Series, part: Span, limit: int) -> RestPage:
        if part.start < span.end and span.start < part.end:
            asked.append(series.symbol)
        return await fetch_page(series, part, limit)

    world.exchange.fetch_page = listen  # type: ignore[method-assign]
    world.collect()
    return asked
