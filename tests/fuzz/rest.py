"""Answers of REST requests: through ccxt, the transport and the decoder, into the warehouse."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Self
from unittest import mock

import aiohttp
from hypothesis import strategies as st
from sqlalchemy import Engine

from candlehouse.core.candles.pages import RestPage
from candlehouse.core.errors import CandlehouseError
from candlehouse.core.retries import Retries
from candlehouse.core.timeframe import to_ms
from candlehouse.exchange.binance.http.rest import RestSource
from candlehouse.pipelines.fetching.store import store_pages
from candlehouse.storage.limits.exchange_state import update_weight_limit
from candlehouse.storage.universe.catalog import upsert_instruments
from fuzz.judging import Case, find_wrong, last_quarantined, select_candles, select_quarantined
from fuzz.mutation import NUMBERS, mutate
from fuzz.oracle import judge_page
from fuzz.seeds import Seed, find_answers, find_pages
from support.warehouses import warehouse_of

_GRACE = timedelta(minutes=10)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_HEADERS = ({"Content-Type": "application/json"}, {"Content-Type": "text/html"}, {})
_SEEDS = find_pages()
_ANSWERS = find_answers()

# Rows that are nearly right, and some that are not at all.
_items = st.one_of(
    st.sampled_from(NUMBERS),
    st.decimals(min_value=0, max_value=10**9, places=8).map(str),
    st.integers(),
    st.none(),
    st.text(max_size=5),
    st.recursive(st.booleans(), st.lists, max_leaves=5),
)
_times = st.integers(0, 7).map(lambda n: 1_704_067_200_000 + 1_800_000 * n)
_price = st.sampled_from(("1", "1.00000000", "2.5", "3", "0.00000001", "NaN", "-1"))
_amount = st.sampled_from(("0", "1.5", "1.50", "7", "1e3"))
_row = st.tuples(
    _times, _price, st.just("3"), st.just("0"), _price, _amount, _times, _amount,
    st.integers(-1, 2), _amount, _amount, st.just("0"),
).map(list)  # fmt: skip
ANSWERS = st.lists(st.one_of(_row, _row, _row, st.lists(_items, max_size=13)), max_size=4)


class Unlimited:
    """A WeightBudget that is never used up."""

    async def reserve(self, weight: int) -> int:
        return weight

    async def settle(self, ticket: int, used_weight: int | None) -> None:
        pass

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        pass


class _Response:
    """What aiohttp gives of an answer with status 200; ccxt passes `content` on unread."""

    status, reason, content = 200, "OK", None

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self._body = body
        self.headers = headers

    async def text(self, errors: str) -> str:
        return self._body.decode("utf-8", errors)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@contextmanager
def _answering(bodies: list[bytes]) -> Iterator[None]:
    """Every request gets the last of `bodies`, whatever it asks for."""

    def get(*_: object, **__: object) -> _Response:
        return _Response(bodies[-1], _HEADERS[len(bodies[-1]) % len(_HEADERS)])

    with mock.patch.object(aiohttp.ClientSession, "get", get):
        yield


def make_case(seed: int, index: int) -> tuple[Case, Seed]:
    """A damaged answer of a klines request."""
    rng = random.Random(f"{seed} rest {index}")
    genuine = rng.choice(_SEEDS)
    body = genuine.payload
    # Now and then nothing is wrong with it.
    if rng.random() < 0.97:
        body = mutate(rng, body, [one.payload for one in _SEEDS])
    return Case(f"rest {index}", f"R{index}USDT", body, genuine.timeframe), genuine


def shaped(index: int, payload: bytes) -> tuple[Case, Seed]:
    """An answer that hypothesis drew."""
    return Case(f"rest shape {index}", f"RS{index}USDT", payload, _SEEDS[0].timeframe), _SEEDS[0]


def run(engine: Engine, cases: Sequence[tuple[Case, Seed]]) -> list[str]:
    """Fetches and stores the cases in one batch; a line for each that went wrong."""
    after = last_quarantined(engine)
    pages, wrong = asyncio.run(_fetch(cases))
    store_pages(warehouse_of(engine), pages, _NOW, _GRACE)
    judged = {
        case.symbol: judge_page(
            case.payload, case.timeframe.length_ms, to_ms(seed.span.start), to_ms(seed.span.end)
        )
        for case, seed in cases
    }
    only = [case for case, _ in cases]
    stored = select_candles(engine, only)
    return wrong + find_wrong(only, judged, stored, select_quarantined(engine, after))


async def _fetch(cases: Sequence[tuple[Case, Seed]]) -> tuple[list[RestPage], list[str]]:
    pages, wrong = [], []
    body = [b""]
    async with RestSource("http://127.0.0.1:1", Unlimited(), Retries(attempts=1)) as source:
        with _answering(body):
            for case, seed in cases:
                body[0] = case.payload
                try:
                    page = await source.fetch_page(seed.series(case.symbol), seed.span, 1000)
                except CandlehouseError:
                    continue
                except Exception as error:
                    wrong.append(f"{case.name}: {type(error).__name__}: {str(error)[:200]}")
                    continue
                pages.append(page)
    return pages, wrong


def run_others(engine: Engine, seed: int, indexes: Sequence[int]) -> list[str]:
    """Damaged answers of the requests for other things than candles."""
    return asyncio.run(_ask_others(engine, seed, indexes))


async def _ask_others(engine: Engine, seed: int, indexes: Sequence[int]) -> list[str]:
    wrong = []
    body = [b""]
    async with RestSource("http://127.0.0.1:1", Unlimited(), Retries(attempts=1)) as source:
        with _answering(body):
            for index in indexes:
                rng = random.Random(f"{seed} other {index}")
                what = rng.choice(sorted(_ANSWERS))
                body[0] = mutate(rng, rng.choice(_ANSWERS[what]), _ANSWERS[what])
                try:
                    await _ask(engine, source, what)
                except CandlehouseError:
                    continue
                except Exception as error:
                    wrong.append(f"other {index}, {what}: {type(error).__name__}: {error}"[:300])
    return wrong


async def _ask(engine: Engine, source: RestSource, what: str) -> None:
    if what == "time":
        await source.fetch_time()
        await source.fetch_clock()
    elif what == "ticker/24hr":
        tickers = await source.fetch_ticker_24h()
        assert all(one.last_price >= 0 for one in tickers.values())
    else:
        info = await source.fetch_instruments()
        with engine.begin() as connection:
            upsert_instruments(connection, info.instruments, _NOW)
            if info.weight_limit is not None:
                update_weight_limit(connection, info.weight_limit)
