from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from candlehouse.core.errors import (
    ExchangeError,
    ExchangeUnavailable,
    MalformedPayload,
    RateLimited,
    RequestRejected,
    UnknownSymbol,
    WrongExchange,
)
from candlehouse.core.model import Series, Span
from candlehouse.core.retries import Retries
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.exchange.binance.http.rest import RestSource
from support.exchanges.scripted_exchange import Reply, ScriptedExchange, scripted

SERIES = Series("BTCUSDT", Timeframe.M1)
START_MS = 1_704_067_200_000
SPAN = Span(from_ms(START_MS), from_ms(START_MS + 600_000))


@dataclass
class Ledger:
    """A weight budget that always grants and writes down."""

    reserved: list[int] = field(default_factory=list)
    settled: list[tuple[int, int | None]] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)

    async def reserve(self, weight: int) -> int:
        self.reserved.append(weight)
        return len(self.reserved)

    async def settle(self, ticket: int, used_weight: int | None) -> None:
        self.settled.append((ticket, used_weight))

    async def close_gate(self, retry_after_s: float, reason: str) -> None:
        self.closed.append(retry_after_s)


@dataclass
class Trial:
    """A client against scripted replies, with a clock that only its own sleep moves."""

    exchange: ScriptedExchange
    source: RestSource
    budget: Ledger
    slept: list[float]


def kline(slot: int) -> list[Any]:
    opens = START_MS + slot * 60_000
    return [opens, *["1.00000000"] * 5, opens + 59_999, "1.00000000", 1, "1.0", "1.0", "0"]


def attempt(
    *replies: Reply,
    use: Callable[[Trial], Awaitable[object]],
    attempts: int = 1,
    timeout_s: float = 10.0,
    identity: str | None = None,
) -> None:
    async def run() -> None:
        budget = Ledger()
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        async with scripted(*replies) as exchange:
            source = RestSource(
                exchange.url,
                budget,
                Retries(attempts, 1.0, sleep, lambda: 0.5),
                identity=identity,
                timeout_s=timeout_s,
                monotonic=lambda: sum(slept),
            )
            async with source:
                await use(Trial(exchange, source, budget, slept))
        assert sorted(ticket for ticket, _ in budget.settled) == [
            number + 1 for number in range(len(budget.reserved))
        ]

    asyncio.run(run())


def failing(
    expected: type[Exception], *, words: str = "BTCUSDT"
) -> Callable[[Trial], Awaitable[None]]:
    async def use(trial: Trial) -> None:
        with pytest.raises(expected, match=words) as caught:
            await trial.source.fetch_page(SERIES, SPAN, 5)
        assert type(caught.value) is expected
        assert f"BTCUSDT 1m {SPAN}" in str(caught.value)
        assert f"{trial.exchange.url}/api/v3/klines?symbol=BTCUSDT" in str(caught.value)

    return use


def refusal(code: int) -> dict[str, object]:
    return {"code": code, "msg": "words"}


HTML = "<html><body>blocked</body></html>"
# Each as the wire has it; ccxt alone would name about half of these wrongly.
FAULTS: list[tuple[str, Reply, type[ExchangeError]]] = [
    ("rate limit", Reply(refusal(-1003), 429, {"Retry-After": "9"}), RateLimited),
    ("ban", Reply(refusal(-1003), 418, {"retry-after": "200"}), RateLimited),
    ("rate limit as 400", Reply(refusal(-1003), 400), RateLimited),
    ("firewall", Reply(HTML, 403, content_type="text/html"), RequestRejected),
    ("restricted location", Reply(refusal(0), 451), RequestRejected),
    ("internal fault", Reply(refusal(-1000), 500), ExchangeUnavailable),
    ("disconnected", Reply(refusal(-1001), 500), ExchangeUnavailable),
    ("unexpected response", Reply(refusal(-1006), 400), ExchangeUnavailable),
    ("time-out inside", Reply(refusal(-1007), 408), ExchangeUnavailable),
    ("overloaded", Reply(refusal(-1008), 503), ExchangeUnavailable),
    ("bad gateway", Reply(HTML, 502, content_type="text/html"), ExchangeUnavailable),
    ("gateway time-out", Reply("", 504), ExchangeUnavailable),
    ("read time-out", Reply([], delay_s=0.8), ExchangeUnavailable),
    ("body cut off", Reply('[["', cut=True), ExchangeUnavailable),
    ("malformed", Reply("[[1499"), MalformedPayload),
    ("page instead of data", Reply(HTML, content_type="text/html"), MalformedPayload),
    ("empty", Reply(""), MalformedPayload),
    ("null", Reply("null"), MalformedPayload),
    ("bytes", Reply("[1", content_type="application/octet-stream"), MalformedPayload),
    ("nested without end", Reply("[" * 5000), MalformedPayload),
    ("object", Reply({"rows": []}), MalformedPayload),
    ("unknown symbol", Reply(refusal(-1121), 400), UnknownSymbol),
    ("illegal character", Reply(refusal(-1100), 400), RequestRejected),
    ("bad interval", Reply(refusal(-1120), 400), RequestRejected),
    ("unknown path", Reply(HTML, 404, content_type="text/html"), RequestRejected),
]


@pytest.mark.parametrize(
    ("reply", "expected"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_fault_gets_its_name(reply: Reply, expected: type[ExchangeError]) -> None:
    timeout_s = 0.2 if reply.delay_s else 10.0

    attempt(reply, use=failing(expected), timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("reply", "expected"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_only_what_may_pass_is_tried_again(reply: Reply, expected: type[ExchangeError]) -> None:
    asked_long = reply.headers.get("retry-after") == "200"
    again = expected.retryable and not asked_long

    async def use(trial: Trial) -> None:
        if again:
            assert (await trial.source.fetch_page(SERIES, SPAN, 5)).count == 1
        else:
            await failing(expected)(trial)
        assert len(trial.exchange.requests) == 1 + again

    timeout_s = 0.2 if reply.delay_s else 10.0
    attempt(reply, Reply([kline(0)]), use=use, attempts=2, timeout_s=timeout_s)


def test_connection_refused_is_a_passing_fault() -> None:
    async def run() -> None:
        async with RestSource("http://127.0.0.1:1", Ledger(), Retries(1)) as source:
            with pytest.raises(ExchangeUnavailable, match=r"no answer .*127\.0\.0\.1:1"):
                await source.fetch_time()

    asyncio.run(run())


def test_back_off_doubles_with_jitter_and_ends_with_the_last_error() -> None:
    async def use(trial: Trial) -> None:
        await failing(ExchangeUnavailable, words="HTTP 502")(trial)
        assert trial.slept == [0.75, 1.5, 3.0]

    attempt(*[Reply(HTML, 502)] * 4, use=use, attempts=4)


def test_back_off_is_never_longer_than_a_minute() -> None:
    retries = Retries(attempts=10_000, draw=lambda: 0.999)

    delays = [retries.delay_s(number, ExchangeUnavailable("")) for number in (1, 7, 9_999)]

    assert [round(delay or 0) for delay in delays] == [1, 60, 60]


def test_closed_gate_is_told_to_all_and_waited_for() -> None:
    async def use(trial: Trial) -> None:
        await trial.source.fetch_page(SERIES, SPAN, 5)
        assert trial.budget.closed == [9.0]
        assert trial.slept == [9.0]

    limited = Reply(refusal(-1003), 429, {"Retry-After": "9"})
    attempt(limited, Reply([kline(0)]), use=use, attempts=2)


def test_no_request_leaves_while_the_gate_is_closed() -> None:
    async def use(trial: Trial) -> None:
        for _ in range(3):
            with pytest.raises(RateLimited, match="200"):
                await trial.source.fetch_page(SERIES, SPAN, 5)
        assert len(trial.exchange.requests) == 1
        assert trial.budget.closed == [200.0]

    attempt(Reply(refusal(-1003), 418, {"Retry-After": "200"}), use=use, attempts=3)


def test_weight_is_reserved_before_and_settled_after_with_what_the_exchange_counts() -> None:
    async def use(trial: Trial) -> None:
        await trial.source.fetch_page(SERIES, SPAN, 5)
        await trial.source.fetch_time()
        with pytest.raises(UnknownSymbol):
            await trial.source.fetch_page(SERIES, SPAN, 5)
        assert trial.budget.reserved == [2, 1, 2]
        assert trial.budget.settled == [(1, 17), (2, None), (3, 19)]

    attempt(
        Reply([kline(0)], headers={"x-mbx-used-weight-1m": "17"}),
        Reply({"serverTime": START_MS}),
        Reply(refusal(-1121), 400, {"X-MBX-USED-WEIGHT-1M": "19"}),
        use=use,
    )


def test_answers_of_concurrent_requests_are_not_mixed_up() -> None:
    async def use(trial: Trial) -> None:
        trial.exchange.by_path = {
            "/api/v3/klines": Reply(
                [kline(0)], headers={"X-MBX-USED-WEIGHT-1M": "50"}, delay_s=0.05
            ),
            "/api/v3/time": Reply(refusal(-1003), 429, {"X-MBX-USED-WEIGHT-1M": "6001"}),
        }
        page, limited = await asyncio.gather(
            trial.source.fetch_page(SERIES, SPAN, 5),
            trial.source.fetch_time(),
            return_exceptions=True,
        )
        assert not isinstance(page, BaseException)
        assert isinstance(limited, RateLimited)
        assert sorted(trial.budget.settled) == [(1, 50), (2, 6001)]

    attempt(use=use)


def test_page_asks_for_the_open_times_of_its_span() -> None:
    async def use(trial: Trial) -> None:
        page = await trial.source.fetch_page(SERIES, SPAN, 1000)
        assert page.span == Span(SPAN.start, from_ms(START_MS + 60_000))
        assert trial.exchange.requests == [
            "/api/v3/klines?symbol=BTCUSDT&interval=1m"
            f"&startTime={START_MS}&endTime={START_MS + 599_999}&limit=1000"
        ]

    attempt(Reply([kline(0)]), use=use)


def test_first_candle_is_the_oldest_there_is() -> None:
    async def use(trial: Trial) -> None:
        assert await trial.source.fetch_first_open_time(SERIES) == SPAN.start
        assert await trial.source.fetch_first_open_time(SERIES) is None
        first, before, _ = trial.exchange.requests
        assert first.endswith("interval=1m&startTime=0&limit=1")
        assert before.endswith(f"interval=1m&endTime={START_MS - 1}&limit=1")

    attempt(Reply([kline(0)]), Reply([]), Reply([]), use=use)


def test_first_candle_that_has_one_before_it_is_no_answer() -> None:
    async def use(trial: Trial) -> None:
        with pytest.raises(MalformedPayload, match=r"BTCUSDT 1m: .* first candle .* 00:05.* 00:04"):
            await trial.source.fetch_first_open_time(SERIES)

    attempt(Reply([kline(5)]), Reply([kline(4)]), use=use)


@pytest.mark.parametrize(
    ("rows", "now_ms", "slot"),
    [
        pytest.param([0, 1], START_MS + 119_999, 0, id="the newest is still forming"),
        pytest.param([0, 1], START_MS + 120_000, 1, id="the newest has closed"),
    ],
)
def test_last_candle_is_the_newest_closed_one(rows: list[int], now_ms: int, slot: int) -> None:
    async def use(trial: Trial) -> None:
        expected = from_ms(START_MS + slot * 60_000)
        assert await trial.source.fetch_last_open_time(SERIES) == expected
        bounds = f"startTime={START_MS + slot * 60_000 + 1}&limit=1"
        assert trial.exchange.requests[-1].endswith(bounds)

    clock = Reply({"serverTime": now_ms})
    attempt(Reply([kline(row) for row in rows]), clock, Reply([]), use=use)


def test_last_candle_is_found_where_only_the_forming_one_is_told() -> None:
    async def use(trial: Trial) -> None:
        assert await trial.source.fetch_last_open_time(SERIES) == from_ms(START_MS + 60_000)
        assert f"endTime={START_MS + 119_999}&limit=2" in trial.exchange.requests[2]

    clock = Reply({"serverTime": START_MS + 130_000})
    rows = [Reply([kline(2)]), clock, Reply([kline(1)]), clock, Reply([kline(2)]), clock]
    attempt(*rows, use=use)


def test_last_candle_that_has_a_closed_one_behind_it_is_no_answer() -> None:
    async def use(trial: Trial) -> None:
        with pytest.raises(MalformedPayload, match=r"BTCUSDT 1m: .* last candle .* 00:01.* 00:02"):
            await trial.source.fetch_last_open_time(SERIES)

    clock = Reply({"serverTime": START_MS + 999_000})
    attempt(Reply([kline(1)]), clock, Reply([kline(2)]), clock, use=use)


@pytest.mark.parametrize("replies", [[[]], [[kline(0)], []]], ids=["none", "only a forming one"])
def test_symbol_without_a_closed_candle_has_no_last_one(replies: list[list[object]]) -> None:
    async def use(trial: Trial) -> None:
        assert await trial.source.fetch_last_open_time(SERIES) is None

    clock = [Reply({"serverTime": START_MS + 59_999})] if replies[0] else []
    attempt(Reply(replies[0]), *clock, *map(Reply, replies[1:]), use=use)


def test_symbols_beyond_ascii_are_asked_for_and_kept() -> None:
    series = Series("币安人生USDT", Timeframe.M1)

    async def use(trial: Trial) -> None:
        page = await trial.source.fetch_page(series, SPAN, 5)
        assert page.rows.text.startswith("币安人生USDT\t1704067200000\t")
        assert "symbol=%E5%B8%81" in trial.exchange.requests[0]

    attempt(Reply([kline(0)]), use=use)


def test_trading_symbols_leave_out_the_others() -> None:
    symbols = [
        {"symbol": f"{base}USDT", "baseAsset": base, "quoteAsset": "USDT", "status": status}
        for base, status in (("BTC", "TRADING"), ("LUNA", "BREAK"), ("ODD", "CANCEL_ONLY"))
    ]

    async def use(trial: Trial) -> None:
        assert await trial.source.fetch_trading_symbols() == {"BTCUSDT"}
        assert trial.budget.reserved == [20]

    attempt(Reply({"symbols": symbols}), use=use)


def test_identity_is_the_stand_ins_or_binance() -> None:
    async def use(trial: Trial) -> None:
        assert await trial.source.fetch_identity() == "binance"
        assert await trial.source.fetch_identity() == "sim:seed-7"

    attempt(Reply({}), Reply({}, headers={"X-Exchange-Sim-Market": "seed-7"}), use=use)


def test_answer_of_another_exchange_is_refused_and_not_asked_for_again() -> None:
    async def use(trial: Trial) -> None:
        await trial.source.fetch_time()
        with pytest.raises(WrongExchange, match=r"is sim:seed-8, .* belongs to sim:seed-7"):
            await trial.source.fetch_time()
        assert len(trial.exchange.requests) == 2

    clock = {"serverTime": START_MS}
    attempt(
        Reply(clock, headers={"x-exchange-sim-market": "seed-7"}),
        Reply(clock, headers={"x-exchange-sim-market": "seed-8"}),
        use=use,
        attempts=3,
        identity="sim:seed-7",
    )


def test_name_and_password_of_an_url_stay_out_of_messages() -> None:
    async def run() -> None:
        async with RestSource("http://me:geheim@127.0.0.1:1", Ledger(), Retries(1)) as source:
            with pytest.raises(ExchangeUnavailable) as caught:
                await source.fetch_time()
        assert "geheim" not in str(caught.value)

    asyncio.run(run())


def test_using_a_closed_client_is_a_mistake() -> None:
    async def use(trial: Trial) -> None:
        await trial.source.__aexit__(None, None, None)
        with pytest.raises(RuntimeError, match="async with"):
            await trial.source.fetch_time()

    attempt(use=use)
