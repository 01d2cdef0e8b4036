"""Batches of candles and prices, and what collects and writes them, without a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from candlehouse.core.live.candle_updates import CANDLES, CandleUpdate
from candlehouse.core.live.price_updates import PRICES, PriceUpdate
from candlehouse.core.live.updates import BadMessage
from candlehouse.pipelines.live.kinds.candle_writer import make_candle_writer
from candlehouse.pipelines.live.writing.batches import Batch, Part
from candlehouse.pipelines.live.writing.buffer import Batcher
from candlehouse.pipelines.live.writing.candle_buffer import CandleBuffer
from candlehouse.pipelines.live.writing.newest_buffer import NewestBuffer
from candlehouse.pipelines.live.writing.writers import Flushed, KindWriter
from candlehouse.storage.live.latest_prices import prices_statement


def ignore(_: object) -> None:
    """A sink that ignores every update."""


def make_batcher(
    on_closed: Callable[[CandleUpdate], None] = ignore,
    on_flowing: Callable[[Any], None] = ignore,
    on_silent: Callable[[Any], None] = ignore,
) -> Batcher:
    """A batcher for candles and prices."""
    buffers = {CANDLES: CandleBuffer(on_closed), PRICES: NewestBuffer[PriceUpdate]()}
    return Batcher(buffers, on_flowing, on_silent)


def make_writers(grace: timedelta) -> dict[str, KindWriter[Any]]:
    """The writers of candles and prices, by kind."""
    return {CANDLES: make_candle_writer(grace), PRICES: KindWriter(show=prices_statement)}


def make_batch(
    *,
    closed: Sequence[CandleUpdate] = (),
    forming: Sequence[CandleUpdate] = (),
    prices: Sequence[PriceUpdate] = (),
    bad: Sequence[BadMessage] = (),
) -> Batch:
    """A batch of the given updates."""
    parts: dict[str, Part[Any]] = {}
    if closed or forming:
        parts[CANDLES] = Part(CANDLES, list(closed), list(forming))
    if prices:
        parts[PRICES] = Part(PRICES, [], list(prices))
    return Batch(parts, list(bad))


def closed_of(found: Batch | Flushed) -> list[CandleUpdate]:
    """The closed candles of a batch, or those that a flush has stored."""
    return _part_of(found, CANDLES).durable


def forming_of(found: Batch | Flushed) -> list[CandleUpdate]:
    """The forming candles of a batch, or those that a flush has written."""
    return _part_of(found, CANDLES).latest


def prices_of(found: Batch | Flushed) -> list[PriceUpdate]:
    """The prices of a batch, or those that a flush has written."""
    return _part_of(found, PRICES).latest


def deferred_of(flushed: Flushed) -> list[CandleUpdate]:
    """The closed candles that a flush has put off."""
    return flushed.deferred.get(CANDLES, [])


def _part_of(found: Batch | Flushed, kind: str) -> Part[Any]:
    parts = found.parts if isinstance(found, Batch) else found.written
    return parts.get(kind) or Part(kind)
