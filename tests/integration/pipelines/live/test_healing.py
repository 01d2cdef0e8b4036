"""What the stream did not bring is found and fetched, and what it brought is compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.errors import ExchangeUnavailable, UnknownSymbol
from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.live.closes import Closes
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.core.universe.ranking import Member
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.pipelines.live.healing.healer import Delays, Healer
from candlehouse.settings import Settings, load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.universe.catalog import Snapshot, insert_snapshot
from candlehouse.storage.warehouse import Warehouse
from support.exchanges.model_exchange import ModelExchange
from support.warehouses import warehouse_of

NOW = datetime(2026, 3, 3, 12, 0, 30, tzinfo=UTC)
LISTED = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC, ETH = Series("BTCUSDT", Timeframe.M1), Series("ETHUSDT", Timeframe.M1)
GHOST = Series("GHOSTUSDT", Timeframe.M1)
FAST = Delays(look_s=0.005, confirm_s=0.02, again_s=0.02, retry_s=0.02)


@dataclass
class Exchange(ModelExchange):
    """One that does not know some symbols, and fails as often as it is told."""

    failures: int = 0
    asked: list[Series] = field(default_factory=list)

    async def fetch_first_open_time(self, series: Series) -> datetime | None:
        self.asked.append(series)
        self._fail()
        if series.symbol not in self.listed:
            raise UnknownSymbol(series.symbol)
        return await super().fetch_first_open_time(series)

    async def fetch_page(self, series: Series, span: Span, limit: int) -> CheckedPage:
        self._fail()
        return await super().fetch_page(series, span, limit)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise ExchangeUnavailable("away")


@dataclass
class Trial:
    engine: Engine
    settings: Settings
    exchange: Exchange
    closes: Closes = field(default_factory=lambda: Closes(5000))

    def __post_init__(self) -> None:
        self.healer = Healer(Warehouse(self.settings, self.engine), self.closes, FAST)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def count(self, what: str) -> object:
        return self.rows(f"SELECT count(*) FROM market.{what}")[0][0]

    def stream(self, slot: datetime, close: str | None = None) -> CandleUpdate:
        """Stores a candle of BTC as a stream would have brought it."""
        line = self.exchange.row(BTC, slot)
        if close is not None:
            cells = line.split("\t")
            cells[5] = close
            line = "\t".join(cells)
        page = CheckedPage(BTC, Span(slot, slot + MINUTE), Source.STREAM, CandleRows(line))
        store_pages(warehouse_of(self.engine), [page], slot, timedelta(minutes=10))
        return CandleUpdate(
            candle_channel(BTC), to_ms(slot), to_ms(slot + MINUTE) + 2, True, line.rstrip("\n")
        )

    def run(self, until: Callable[[], object]) -> None:
        async def heal() -> None:
            task = asyncio.create_task(self.healer.run(self.exchange))
            try:
                async with asyncio.timeout(30):
                    while not await asyncio.to_thread(until):
                        if task.done():
                            task.result()
                        await asyncio.sleep(0.01)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(heal())


@pytest.fixture
def trial(warehouse_url: str) -> Iterator[Trial]:
    engine = connect(warehouse_url)
    settings = load_settings({"CANDLEHOUSE_DATABASE_URL": warehouse_url})
    yield Trial(engine, settings, Exchange(NOW, {"BTCUSDT": LISTED, "ETHUSDT": LISTED}))
    engine.dispose()


def knows(trial: Trial) -> bool:
    return trial.closes.next_ms(BTC) is not None


def is_settled(trial: Trial) -> bool:
    return trial.closes.next_ms(BTC) == to_ms(Timeframe.M1.floor(NOW))


def test_hole_that_a_killed_writer_left_is_found(trial: Trial) -> None:
    for minute in (40, 41, 45, 59):
        trial.stream(LISTED + minute * MINUTE)
    trial.healer.adopt([BTC])
    trial.run(lambda: is_settled(trial))

    assert trial.count("candles_1m") == 60
    assert trial.rows("SELECT source, count(*) FROM market.candles GROUP BY 1 ORDER BY 1") == [
        ("rest", 56), ("stream", 4),
    ]  # fmt: skip


def test_close_that_never_came_is_fetched_once_it_is_overdue(trial: Trial) -> None:
    trial.healer.adopt([BTC])
    trial.run(lambda: is_settled(trial))
    trial.exchange.now = NOW + MINUTE
    closes = trial.closes
    assert closes.find_overdue(to_ms(NOW) + 34_000) == []
    assert closes.find_overdue(to_ms(NOW) + 35_000) == [BTC]
    trial.healer.request([BTC])
    trial.run(lambda: trial.count("candles_1m") == 61)


def test_written_candle_is_confirmed(trial: Trial) -> None:
    trial.healer.wrote([trial.stream(LISTED + 59 * MINUTE)])
    trial.run(lambda: trial.count("confirmations") == 1)

    assert trial.rows("SELECT candles, differing, source FROM market.confirmations") == [
        (1, 0, "rest")
    ]


def test_difference_is_corrected_with_what_was_before(trial: Trial) -> None:
    slot = LISTED + 59 * MINUTE
    true_close = trial.exchange.row(BTC, slot).split("\t")[5]
    wrong = trial.exchange.row(BTC, slot).split("\t")[3]
    trial.healer.wrote([trial.stream(slot, close=wrong)])
    trial.run(lambda: trial.count("corrections") == 1)

    query = "SELECT (before->>'close')::numeric::text, (after->>'close')::numeric::text, applied"
    assert trial.rows(f"{query} FROM market.corrections") == [(wrong, true_close, True)]
    trial.run(lambda: trial.rows("SELECT differing FROM market.confirmations") == [(1,)])


def test_candle_that_rest_does_not_have_yet_is_asked_again(trial: Trial) -> None:
    newest = LISTED + 59 * MINUTE
    updates = [trial.stream(newest - MINUTE), trial.stream(newest)]
    trial.exchange.holes = [("BTCUSDT", Span(newest, newest + MINUTE))]
    trial.healer.wrote(updates)
    trial.run(lambda: trial.rows("SELECT candles FROM market.confirmations") == [(1,)])
    assert trial.rows("SELECT range_end FROM market.confirmations") == [(newest,)]

    trial.exchange.holes = []
    trial.run(lambda: trial.rows("SELECT candles FROM market.confirmations") == [(2,)])


def test_failures_are_asked_again_until_the_series_is_known(trial: Trial) -> None:
    trial.exchange.failures = 3
    trial.healer.adopt([BTC])
    trial.run(lambda: is_settled(trial))

    assert trial.exchange.failures == 0
    assert trial.count("candles_1m") == 60


def test_unknown_symbol_spoils_nothing_and_is_asked_ever_more_rarely(trial: Trial) -> None:
    trial.healer.adopt([BTC, GHOST, ETH])
    trial.run(lambda: is_settled(trial) and trial.exchange.asked.count(GHOST) >= 4)

    assert trial.count("candles_1m") == 120
    assert trial.healer.waiting == 1


def test_what_is_cancelled_in_the_middle_is_due_again(trial: Trial) -> None:
    trial.healer.wrote([trial.stream(LISTED + 59 * MINUTE)])

    async def cancel_in_a_request() -> None:
        asked = asyncio.Event()

        class Hanging(Exchange):
            async def fetch_page(self, series: Series, span: Span, limit: int) -> CheckedPage:
                asked.set()
                await asyncio.Event().wait()
                raise AssertionError

        source = Hanging(NOW, trial.exchange.listed)
        task = asyncio.create_task(trial.healer.run(source))
        await asyncio.wait_for(asked.wait(), 30)
        assert trial.healer.waiting == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel_in_a_request())
    assert trial.healer.waiting == 1
    trial.run(lambda: trial.count("confirmations") == 1)


def test_forgotten_series_does_not_come_back_from_a_request_under_way(trial: Trial) -> None:
    trial.healer.adopt([GHOST])

    async def forget_in_a_request() -> None:
        task = asyncio.create_task(trial.healer.run(trial.exchange))
        while not trial.exchange.asked:  # noqa: ASYNC110  # the model tells nobody
            await asyncio.sleep(0)
        trial.healer.forget([GHOST])
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(forget_in_a_request())
    assert trial.healer.waiting == 0
    assert trial.exchange.asked == [GHOST]


def test_streamed_timeframe_is_wanted_from_its_first_stream_on_and_stays_so(trial: Trial) -> None:
    with trial.engine.begin() as connection:
        insert_snapshot(connection, Snapshot(NOW, "settings", (Member(1, "BTCUSDT", "BTC"),)))
    for later in (timedelta(0), timedelta(hours=3)):
        trial.exchange.now = NOW + later
        healer = Trial(trial.engine, trial.settings, replace(trial.exchange))
        healer.healer.adopt([BTC])
        healer.run(partial(knows, healer))
    query = "SELECT wanted_from FROM market.series WHERE symbol = 'BTCUSDT' AND timeframe = '1m'"
    assert trial.rows(query) == [(datetime(2026, 3, 3, 12, 1, tzinfo=UTC),)]
