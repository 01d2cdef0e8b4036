"""Sources that disagree, whatever else goes wrong, on both storage paths."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import (
    ExchangeUnavailable,
    RateLimited,
    ReconciliationIncomplete,
    UnknownSymbol,
)
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.reconciling.agreement import choose_files
from candlehouse.core.timeframe import DAY, Timeframe, from_ms
from candlehouse.exchange.binance.facts import ARCHIVE
from candlehouse.pipelines.fetching.collect_options import CollectOptions
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.pipelines.reconciling.reconcile import (
    ReconcileOptions,
    ReconcileReport,
    reconcile,
    require_reconciled,
)
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from support.exchanges.divided import Divided, change, divide
from support.exchanges.model_archive import ModelArchive
from support.exchanges.model_exchange import Killed, ModelExchange
from support.processes.dying import dying
from support.seeding import find_seed
from support.warehouses import warehouse_of

GRACE = timedelta(minutes=10)
# Over the midnight from which on files are in microseconds; of the last day no file is out.
START = datetime(2024, 12, 30, tzinfo=UTC)
NOW = datetime(2025, 1, 3, 9, 30, tzinfo=UTC)
FILED = datetime(2025, 1, 3, tzinfo=UTC)
A, B = Series("AUSDT", Timeframe.H1), Series("BUSDT", Timeframe.H1)
FIVE = Series("AUSDT", Timeframe.M5)
SPANS = {
    A: Span(START, NOW.replace(minute=0)),
    B: Span(START + timedelta(hours=7), NOW.replace(minute=0)),
    FIVE: Span(FILED - timedelta(hours=30), FILED + timedelta(hours=9)),
}
RANKS = {Source.STREAM: 1, Source.REST: 2, Source.ARCHIVE: 3}
# What a candle is in the tests' own books: the items of its line behind its name and time.
Values = tuple[str, ...]
_CLOSE_TIME = 5


@dataclass
class World:
    """Three sources and a warehouse."""

    engine: Engine
    sides: dict[Source, Divided]
    archive: ModelArchive

    @property
    def rest(self) -> Divided:
        return self.sides[Source.REST]

    def arrive(self, source: Source, series: Series, span: Span) -> None:
        """What a source has in a range is stored as that source's."""
        page = self.sides[source].page(series, span, source)
        store_pages(warehouse_of(self.engine), [page], NOW, GRACE)

    def reconcile(
        self,
        asked: Mapping[Series, Span] = SPANS,
        *,
        source: ModelExchange | None = None,
        reload: bool = False,
        page_slots: int = 100,
    ) -> ReconcileReport:
        collect = CollectOptions(page_slots, GRACE, archive=self.archive)
        options = ReconcileOptions(collect, reload)
        return asyncio.run(
            reconcile(warehouse_of(self.engine), source or self.rest, asked, NOW, options)
        )

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def stored(self) -> dict[tuple[Series, datetime], tuple[Source, Values]]:
        found = {}
        for symbol, timeframe, opens, source, *values in self.rows(
            "SELECT symbol, timeframe, open_time, source, open::text, high::text, low::text,"
            " close::text, volume::text, close_time, quote_volume::text, trades::text,"
            " taker_buy_volume::text, taker_buy_quote_volume::text FROM market.candles"
        ):
            series = Series(str(symbol), Timeframe(timeframe))
            found[series, opens] = (Source(source), tuple(map(str, values)))
        return found  # type: ignore[return-value]

    def listed(self) -> list[tuple[object, ...]]:
        """Corrections and lone candles, without times of recording."""
        return self.rows(
            "SELECT symbol, timeframe, open_time, source_before, source_after, before::text,"
            " after::text, applied::text FROM market.corrections"
            " UNION ALL"
            " SELECT symbol, timeframe, open_time, source, 'lacks it', found_at::text, '', ''"
            " FROM market.unmatched_candles ORDER BY 1, 2, 3, 4, 5, 6, 7"
        )

    def lacking(self) -> set[tuple[str, str, datetime, str]]:
        rows = self.rows(
            "SELECT symbol, timeframe, open_time, source FROM market.unmatched_candles"
        )
        return set(rows)  # type: ignore[arg-type]

    def require_counted(self) -> None:
        with self.engine.connect() as connection:
            assert list(find_differences(connection)) == []


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def agreeing(engine: Engine) -> World:
    """Sources that all say the same."""
    truth = ModelExchange(NOW, {"AUSDT": START - DAY, "BUSDT": START - DAY})
    sides = {source: Divided(NOW, truth.listed) for source in Source}
    for series, span in SPANS.items():
        for side in sides.values():
            slots = ModelExchange.slots(truth, series, span)
            side.says[series] = {slot: truth.row(series, slot) for slot in slots}
    return World(engine, sides, ModelArchive(sides[Source.ARCHIVE]))


def disputed(rng: random.Random, engine: Engine) -> World:
    truth = ModelExchange(NOW, {"AUSDT": START - DAY, "BUSDT": START - DAY})
    sides = divide(rng, truth, SPANS)
    return World(engine, sides, ModelArchive(sides[Source.ARCHIVE]))


def values_of(line: str) -> Values:
    cells = line.rstrip("\n").split("\t")[2:]
    return tuple(
        str(from_ms(int(cell))) if at == _CLOSE_TIME else format(Decimal(cell), "f")
        for at, cell in enumerate(cells)
    )


class Books:
    """What must become of the candles, kept by a rule that is simple enough to be right."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.stored: dict[tuple[Series, datetime], tuple[Source, Values]] = {}
        self.replaced: Counter[tuple[Series, datetime, Source, Values]] = Counter()
        self.refused: set[tuple[Series, datetime, Source, Values]] = set()
        self.lacking: set[tuple[str, str, datetime, str]] = set()
        self.figures: Counter[tuple[Source, Source | None, str]] = Counter()

    def arrive(self, source: Source, series: Series, span: Span, *, compare: bool = False) -> bool:
        """Whether anything changed."""
        changed = False
        side = self._world.sides[source]
        for slot in ModelExchange.slots(_everything(side), series, span):
            line = side.says[series].get(slot)
            held = self.stored.get((series, slot))
            if compare:
                self._count(source, series, slot, line, held)
            if line is None:
                continue
            said = values_of(line)
            if held is None:
                self.stored[series, slot] = (source, said)
            elif held[1] != said and RANKS[source] >= RANKS[held[0]]:
                self.replaced[series, slot, *held] += 1
                self.stored[series, slot] = (source, said)
            elif held[1] != said:
                self.refused.add((series, slot, source, said))
            changed |= self.stored.get((series, slot)) != held
        return changed

    def _count(
        self,
        source: Source,
        series: Series,
        slot: datetime,
        line: str | None,
        held: tuple[Source, Values] | None,
    ) -> None:
        lone = (series.symbol, series.timeframe.value, slot, source.value)
        self.lacking.discard(lone)
        if held is None:
            self.figures[source, None, "source_only"] += line is not None
        elif line is None:
            self.lacking.add(lone)
            self.figures[source, held[0], "held_only"] += 1
        else:
            self.figures[source, held[0], "compared"] += 1
            self.figures[source, held[0], "differing"] += held[1] != values_of(line)


def _everything(side: Divided) -> ModelExchange:
    return ModelExchange(side.now, side.listed)


def filed(series: Series, span: Span) -> list[Span]:
    """The parts of a range of which files are out."""
    files = choose_files(series, span, NOW, ARCHIVE)
    return [Span(max(span.start, file.span.start), min(span.end, file.span.end)) for file in files]


def shuffled_arrivals(rng: random.Random) -> list[tuple[Source, Series, Span]]:
    """Days of series from some of the sources, in any order; none twice."""
    arrivals = [
        (source, series, part)
        for source in Source
        for series, span in SPANS.items()
        for part in (
            *filed(series, span),
            *([] if source is Source.ARCHIVE else [Span(FILED, span.end)]),
        )
        if rng.random() < 0.6
    ]
    rng.shuffle(arrivals)
    return arrivals


@pytest.mark.parametrize("number", range(3))
def test_every_disagreement_is_found_corrected_and_listed(engine: Engine, number: int) -> None:
    rng = random.Random(f"{find_seed(2024)} {number}")
    world = disputed(rng, engine)
    books = Books(world)
    arrived: set[tuple[Series, datetime]] = set()
    for source, series, span in shuffled_arrivals(rng):
        world.arrive(source, series, span)
        books.arrive(source, series, span)
        if source is Source.STREAM:
            slots = world.sides[source].slots(series, span)
            arrived |= {(series, slot) for slot in slots}
    assert world.stored() == books.stored

    report = world.reconcile()
    assert report.failures == {}
    for series, span in SPANS.items():
        books.arrive(Source.REST, series, span, compare=True)
    figures_of_rest = Counter(books.figures)
    again = []
    for series, span in SPANS.items():
        for part in filed(series, span):
            if books.arrive(Source.ARCHIVE, series, part, compare=True):
                again.append((series, part))
    figures = {
        (total.source, total.stored_from, name): getattr(total, name)
        for total in report.totals
        for name in ("compared", "differing", "held_only", "source_only")
    }
    assert {key: n for key, n in figures.items() if n} == +books.figures
    assert sum(figures_of_rest.values()) < sum(books.figures.values())
    for series, part in again:
        books.arrive(Source.REST, series, part, compare=True)

    # The best of the sources that have a candle is stored, and nobody else's values.
    best: dict[tuple[Series, datetime], Values] = {}
    versions: dict[tuple[Series, datetime], set[tuple[Source, Values]]] = defaultdict(set)
    for source in sorted(Source, key=RANKS.__getitem__):
        for series, says in world.sides[source].says.items():
            for slot, line in says.items():
                if source is Source.STREAM and (series, slot) not in arrived:
                    continue
                if source is Source.ARCHIVE and slot >= FILED:
                    continue
                best[series, slot] = values_of(line)
                versions[series, slot].add((source, values_of(line)))
    found = world.stored()
    assert {key: values for key, (_, values) in found.items()} == best
    assert found == books.stored

    # Every other version is on record: once where it was replaced, once where it was refused.
    replaced, refused = read_corrections(world)
    assert max(replaced.values(), default=1) == 1
    assert max(refused.values(), default=1) == 1
    lost = {
        (*key, *version)
        for key, said in versions.items()
        for version in said
        if version[1] != best[key]
    }
    assert lost
    listed = {(series, slot, values) for series, slot, _, values in [*replaced, *refused]}
    missed = {(series, slot, values) for series, slot, _, values in lost} - listed
    assert missed == set()
    # A stream may have been right where REST was not: what the file restored was replaced once.
    extra = listed - {(series, slot, values) for series, slot, _, values in lost}
    assert {values == best[series, slot] for series, slot, values in extra} <= {True}
    # What REST says against the candles that stand is refused, whoever stored what first.
    assert {key for key in lost if key[2] is Source.REST} == {
        key for key in refused if key[2] is Source.REST
    }
    assert (replaced, set(refused)) == (books.replaced, books.refused)
    assert world.lacking() == books.lacking
    world.require_counted()

    before = (world.stored(), world.listed(), world.rows("SELECT * FROM market.gaps ORDER BY 1, 3"))
    world.archive.requested.clear()
    second = world.reconcile()
    after = (world.stored(), world.listed(), world.rows("SELECT * FROM market.gaps ORDER BY 1, 3"))
    assert after == before
    assert world.archive.requested == []
    assert second.unchanged == report.files
    assert (second.written.inserted, second.written.corrected, second.written.refused) == (0, 0, 0)
    third = world.reconcile(reload=True)
    assert third.files == report.files
    assert (world.stored(), world.listed()) == before[:2]


def read_corrections(
    world: World,
) -> tuple[Counter[tuple[Series, datetime, Source, Values]], ...]:
    """Versions that were replaced, and versions that were refused, and how often."""
    columns = (
        "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades",
        "taker_buy_volume", "taker_buy_quote_volume",
    )  # fmt: skip

    def read(side: str, where: str) -> Counter[tuple[Series, datetime, Source, Values]]:
        values = ", ".join(
            f"({side}->>'{name}')::timestamptz" if name == "close_time" else f"{side}->>'{name}'"
            for name in columns
        )
        return Counter(
            (
                Series(str(symbol), Timeframe(timeframe)), opens, Source(source),
                tuple(map(str, said)),
            )
            for symbol, timeframe, opens, source, *said in world.rows(
                f"SELECT symbol, timeframe, open_time, source_{side}, {values}"
                f" FROM market.corrections WHERE {where}"
            )
        )  # type: ignore[return-value]  # fmt: skip

    return read("before", "applied"), read("after", "NOT applied")


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What a run that nobody kills leaves, from the first test that makes it."""
    return {}


def disturbed(engine: Engine) -> World:
    """A world with whatever has arrived, not compared yet."""
    world = disputed(random.Random(7), engine)
    for source, series, span in shuffled_arrivals(random.Random(8)):
        world.arrive(source, series, span)
    return world


@pytest.mark.parametrize(
    ("pages", "files", "statements"),
    [(3, None, None), (None, 0, None), (None, 4, None), *((None, None, n) for n in (40, 90, 140))],
)
def test_being_killed_loses_nothing_and_the_next_run_completes_it(
    engine: Engine,
    fresh_database: Callable[..., str],
    undisturbed: dict[str, Any],
    pages: int | None,
    files: int | None,
    statements: int | None,
) -> None:
    if not undisturbed:
        whole = disturbed(connect(fresh_database()))
        whole.reconcile()
        undisturbed |= {"stored": whole.stored(), "listed": whole.listed()}
        whole.engine.dispose()
    world = disturbed(engine)
    world.rest.kill_after, world.archive.kill_after = pages, files
    before = world.stored()
    with pytest.raises(Killed), dying(engine, statements):
        world.reconcile()
    world.require_counted()
    assert before.keys() <= world.stored().keys()
    world.rest.kill_after = world.archive.kill_after = None
    assert world.reconcile().failures == {}
    assert world.stored() == undisturbed["stored"]
    assert world.listed() == undisturbed["listed"]
    world.require_counted()


@dataclass
class Troubled(Divided):
    """Fails as it is told, for some symbols."""

    trouble: Exception | None = None
    symbols: tuple[str, ...] = ()

    async def fetch_page(self, series: Series, span: Span, limit: int) -> RestPage:
        if self.trouble is not None and series.symbol in self.symbols:
            raise self.trouble
        return await super().fetch_page(series, span, limit)


@pytest.fixture
def world(engine: Engine) -> World:
    """Sources that agree, but for one candle of each series that the files have otherwise.

    All of it is stored as REST's.
    """
    world = agreeing(engine)
    for series, span in SPANS.items():
        world.arrive(Source.REST, series, span)
        says = world.sides[Source.ARCHIVE].says[series]
        says[SLOT] = change(says[SLOT], 6, 0)
    return world


SLOT = datetime(2025, 1, 2, 20, tzinfo=UTC)
CORRECTED = {
    (series.symbol, series.timeframe.value, "rest", "archive") for series in SPANS
}  # fmt: skip


def corrected(world: World) -> set[tuple[object, ...]]:
    return set(
        world.rows(
            "SELECT symbol, timeframe, source_before, source_after FROM market.corrections"
            f" WHERE applied AND open_time = '{SLOT.isoformat()}'"
        )
    )


def troubled(world: World, trouble: Exception, *symbols: str) -> Troubled:
    rest = world.rest
    return Troubled(rest.now, rest.listed, says=rest.says, trouble=trouble, symbols=symbols)


def compared(report: ReconcileReport) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for total in report.totals:
        counts[total.source.value] += total.compared
    return dict(counts)


FILED_SLOTS = {
    series: sum((part.end - part.start) // series.timeframe.length for part in filed(series, span))
    for series, span in SPANS.items()
}
SLOTS = {
    series: (span.end - span.start) // series.timeframe.length for series, span in SPANS.items()
}


def test_one_series_that_rest_fails_is_named_and_compared_with_its_files(world: World) -> None:
    source = troubled(world, ExchangeUnavailable("HTTP 500"), "BUSDT")
    report = world.reconcile(source=source)
    assert report.failures == {"BUSDT 1h": "HTTP 500"}
    assert corrected(world) == CORRECTED
    assert compared(report) == {
        "rest": SLOTS[A] + SLOTS[FIVE],
        "archive": sum(FILED_SLOTS.values()),
    }
    with pytest.raises(ReconciliationIncomplete, match="1 could not be compared: BUSDT 1h: HTTP"):
        require_reconciled(report)


def test_a_closed_gate_does_not_keep_the_files_from_being_compared(world: World) -> None:
    source = troubled(world, RateLimited("the gate is closed", 3600), "AUSDT", "BUSDT")
    report = world.reconcile(source=source)
    assert report.gate is source.trouble
    assert report.failures == {"REST": "the gate is closed"}
    assert corrected(world) == CORRECTED
    assert compared(report) == {"archive": sum(FILED_SLOTS.values())}


def test_without_the_archive_rest_is_compared(world: World) -> None:
    world.archive.down = True
    report = world.reconcile()
    assert report.failures == {"the archive": "nobody answers"}
    assert corrected(world) == set()
    assert compared(report) == {"rest": sum(SLOTS.values())}
    world.archive.down = False
    assert world.reconcile().failures == {}
    # All was compared before: this time checksums are asked for, and they fail.
    world.archive.down = True
    assert world.reconcile().failures == {"the archive": "nobody answers"}


@pytest.mark.parametrize("broken", [False, True])
def test_a_file_that_is_not_to_be_had_is_named_and_the_rest_compared(
    world: World, broken: bool
) -> None:
    lost = ArchiveFile(B, Tree.DAILY, datetime(2024, 12, 31, tzinfo=UTC))
    if broken:
        world.archive.truncated.add(lost)
    else:
        world.archive.missing = (ARCHIVE.path_of(lost),)
    report = world.reconcile()
    assert list(report.failures) == ["BUSDT-1h-2024-12-31.zip (daily)"]
    assert corrected(world) == CORRECTED
    assert compared(report)["archive"] == sum(FILED_SLOTS.values()) - 24


def test_a_file_that_may_still_come_is_awaited(world: World) -> None:
    newest = ArchiveFile(A, Tree.DAILY, datetime(2025, 1, 2, tzinfo=UTC))
    world.archive.missing = (ARCHIVE.path_of(newest),)
    report = world.reconcile()
    assert report.failures == {}
    assert report.awaited == [newest]


def test_a_missing_file_of_a_day_without_candles_is_no_failure(world: World) -> None:
    lost = ArchiveFile(B, Tree.DAILY, START)
    world.archive.missing = (ARCHIVE.path_of(lost),)
    for side in world.sides.values():
        side.says[B] = {slot: line for slot, line in side.says[B].items() if slot >= START + DAY}
    with world.engine.begin() as connection:
        for table in ("candles_1h", "coverage_days", "gaps"):
            connection.execute(text(f"DELETE FROM market.{table} WHERE symbol = 'BUSDT'"))
    assert world.reconcile().failures == {}


def test_a_symbol_that_rest_knows_no_more_is_compared_with_its_files(world: World) -> None:
    source = troubled(world, UnknownSymbol("no such symbol"), "BUSDT")
    report = world.reconcile(source=source)
    assert report.failures == {}
    assert report.left == [B]
    assert corrected(world) == CORRECTED


def test_a_symbol_that_nobody_knows_is_a_failure(world: World) -> None:
    nope = Series("NOPEUSDT", Timeframe.H1)
    source = troubled(world, UnknownSymbol("no such symbol"), "NOPEUSDT")
    world.sides[Source.ARCHIVE].says[nope] = {}
    world.archive.missing = ("data/spot/daily/klines/NOPEUSDT",)
    report = world.reconcile({nope: SPANS[A]}, source=source)
    assert report.failures == {"NOPEUSDT 1h": "no such symbol"}


def test_only_a_file_that_was_replaced_is_loaded_again(world: World) -> None:
    world.reconcile()
    world.archive.requested.clear()
    replaced = ArchiveFile(A, Tree.DAILY, datetime(2024, 12, 31, tzinfo=UTC))
    other = START + timedelta(hours=30)
    says = world.sides[Source.ARCHIVE].says[A]
    says[other] = change(says[other], 5, 1)
    report = world.reconcile()
    assert world.archive.requested == [replaced]
    assert (report.files, report.written.corrected) == (1, 1)
    assert world.stored()[A, other][1] == values_of(says[other])
    # What REST says is on record against what holds now, and never twice.
    listed = world.listed()
    assert world.reconcile().files == 0
    assert world.listed() == listed


def test_rest_that_changes_its_mind_does_not_win_over_an_unchanged_file(world: World) -> None:
    world.reconcile()
    confirmed = START + timedelta(hours=30)
    right = world.stored()[A, confirmed]
    assert right[0] is Source.REST, "what is equal keeps where it came from"
    world.rest.says[A][confirmed] = change(world.rest.says[A][confirmed], 8, 0)
    world.archive.requested.clear()
    report = world.reconcile()
    assert world.archive.requested == [ArchiveFile(A, Tree.DAILY, START + DAY)]
    assert world.stored()[A, confirmed] == (Source.ARCHIVE, right[1])
    assert report.written.corrected == 2
    listed = world.listed()
    world.archive.requested.clear()
    world.reconcile()
    assert (world.listed(), world.archive.requested) == (listed, [])


def test_months_are_taken_where_they_are_worth_it_and_days_where_they_are_missing(
    world: World,
) -> None:
    now = datetime(2025, 1, 8, tzinfo=UTC)
    world.rest.now = world.archive.exchange.now = now
    month = Span(datetime(2024, 12, 10, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))
    truth = ModelExchange(now, {"AUSDT": START - timedelta(days=90)})
    for side in world.sides.values():
        side.says[A] = {slot: truth.row(A, slot) for slot in ModelExchange.slots(truth, A, month)}
    options = ReconcileOptions(CollectOptions(1000, GRACE, archive=world.archive))

    def run() -> ReconcileReport:
        return asyncio.run(
            reconcile(warehouse_of(world.engine), world.rest, {A: month}, now, options)
        )

    report = run()
    december = ArchiveFile(A, Tree.MONTHLY, datetime(2024, 12, 1, tzinfo=UTC))
    new_year = ArchiveFile(A, Tree.DAILY, datetime(2025, 1, 1, tzinfo=UTC))
    assert (report.failures, report.files, report.requests) == ({}, 2, 1)
    assert set(world.archive.requested) == {december, new_year}
    world.archive.requested.clear()
    world.archive.missing = ("data/spot/monthly",)
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM market.archive_files"))
    report = run()
    assert report.failures == {}
    assert report.files == 23
    assert [file.tree for file in world.archive.requested].count(Tree.DAILY) == 23


def test_a_row_that_is_no_candle_is_one_that_the_source_lacks(world: World) -> None:
    slot = START + timedelta(hours=5)
    cells = world.rest.says[A][slot].rstrip("\n").split("\t")
    cells[3] = "0.00000001"
    world.rest.says[A][slot] = "\t".join(cells) + "\n"
    # The second time the row is in quarantine already.
    for _ in range(2):
        report = world.reconcile({A: SPANS[A]})
        of_rest = [total for total in report.totals if total.source is Source.REST]
        assert sum(total.compared for total in of_rest) == SLOTS[A] - 1
        assert sum(total.held_only for total in of_rest) == 1
        assert sum(total.source_only for total in of_rest) == 0
    assert world.lacking() == {("AUSDT", "1h", slot, "rest")}
