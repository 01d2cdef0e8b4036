"""A kind that only this test knows: what it takes to add one, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, Engine, text

from candlehouse.core.live.channels import Channel
from candlehouse.core.timeframe import from_ms
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.candle_buffer import CandleBuffer
from candlehouse.pipelines.live.writing.writers import KindWriter, Stored
from candlehouse.storage.database.engine import connect
from support.data.batches import ignore, make_writers
from support.data.updates import BTC, START_MS, make_update

NOW = from_ms(START_MS) + timedelta(hours=1)
DEALS = Channel("deals", "BTCUSDT")


class Deal(NamedTuple):
    """An update that nothing replaces."""

    channel: Channel
    event_ms: int
    number: int

    @property
    def line(self) -> str:
        return f"{self.channel.symbol}\t{self.event_ms}\t{self.number}"


class AppendBuffer:
    """Every update in the order of receiving."""

    def __init__(self) -> None:
        self.is_full = False
        self._deals: list[Deal] = []

    def add(self, update: Deal) -> int | None:
        if self._deals and update.number <= self._deals[-1].number:
            return None
        self._deals.append(update)
        return 0

    def put_back(self, updates: Iterable[Deal]) -> None:
        self._deals[:0] = updates

    def take(self) -> tuple[list[Deal], list[Deal]]:
        deals, self._deals = self._deals, []
        return deals, []

    def forget(self, channels: Collection[Channel]) -> None:
        pass


def store(connection: Connection, updates: Sequence[Deal], now: datetime) -> Stored[Deal]:
    rows = [{"number": deal.number} for deal in updates]
    connection.execute(text("INSERT INTO public.deals VALUES (:number)"), rows)
    return Stored(list(updates))


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE SCHEMA IF NOT EXISTS public;"
            "CREATE TABLE public.deals (number int CHECK (number <> 13))"
        )
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[LiveWriter]:
    writer = LiveWriter(engine, {**make_writers(timedelta(minutes=10)), "deals": KindWriter(store)})
    assert writer.try_lock()
    yield writer
    writer.close()


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def collect(*deals: int) -> Batcher:
    """A batcher with a closed candle and these."""
    batcher = Batcher({"candles": CandleBuffer(ignore), "deals": AppendBuffer()}, ignore, ignore)
    batcher.take(make_update(closed=True))
    for number in deals:
        batcher.take(Deal(DEALS, START_MS + 70_000 + number, number))
    return batcher


def test_durable_updates_of_all_kinds_share_a_transaction(
    engine: Engine, writer: LiveWriter
) -> None:
    batcher = collect(1, 2, 2)
    flushed = writer.flush(batcher.take_batch(), NOW)

    assert batcher.counters.stale == 1
    assert [deal.number for deal in flushed.written["deals"].durable] == [1, 2]
    assert [update.series for update in flushed.written["candles"].durable] == [BTC]
    assert rows(engine, "SELECT number, xmin::text FROM public.deals ORDER BY 1") == [
        (1, *rows(engine, "SELECT xmin::text FROM market.candles_1m")[0]),
        (2, *rows(engine, "SELECT xmin::text FROM market.candles_1m")[0]),
    ]


def test_update_that_the_database_refuses_keeps_no_other_kind_out(
    engine: Engine, writer: LiveWriter
) -> None:
    flushed = writer.flush(collect(12, 13, 14).take_batch(), NOW)

    assert [deal.number for deal in flushed.written["deals"].durable] == [12, 14]
    assert rows(engine, "SELECT number FROM public.deals ORDER BY 1") == [(12,), (14,)]
    assert rows(engine, "SELECT count(*) FROM market.candles_1m") == [(1,)]
    [(rule, raw)] = rows(engine, "SELECT rule, raw FROM market.quarantined_candles")
    assert (rule, raw) == ("refused_by_database", Deal(DEALS, START_MS + 70_013, 13).line)


def test_durable_updates_that_come_again_are_put_back_before_newer_ones() -> None:
    batcher = collect(1)
    batch = batcher.take_batch()
    batcher.take(Deal(DEALS, START_MS + 70_002, 2))
    batcher.put_back({kind: part.durable for kind, part in batch.parts.items()})

    again = batcher.take_batch().parts
    assert [deal.number for deal in again["deals"].durable] == [1, 2]
    assert again["candles"].durable == batch.parts["candles"].durable


def test_update_of_a_kind_without_a_buffer_is_a_fault(engine: Engine) -> None:
    with pytest.raises(KeyError):
        Batcher({}, ignore, ignore).take(make_update())
