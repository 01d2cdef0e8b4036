"""Messages of streams: through the receiver and the batcher, to the writer of live candles."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import strategies as st
from sqlalchemy import Engine
from websockets.exceptions import ConnectionClosedOK

from candlehouse.core.live.candle_updates import CandleUpdate, candle_channel
from candlehouse.core.live.channels import Channel
from candlehouse.core.live.price_updates import price_channel
from candlehouse.core.live.updates import BadMessage
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe, from_ms
from candlehouse.exchange.binance.stream.client_options import StreamCounters
from candlehouse.exchange.binance.stream.frames import LONGEST_RAW, decode_frame
from candlehouse.exchange.binance.stream.receiver import Receiver, Steering
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.pipelines.live.writing.buffer import MOST_BAD, Batcher
from fuzz.judging import (
    Case,
    find_unknown_rules,
    is_quarantined,
    last_quarantined,
    select_candles,
    select_quarantined,
)
from fuzz.mutation import NUMBERS, mutate
from fuzz.oracle import Candle, judge_frame, names_twice
from fuzz.seeds import SYMBOL, find_frames
from support.data.batches import make_batcher, make_writers

# The exchange's clock: a moment after the genuine messages.
NOW_MS = 1_633_998_600_000
# No flush keeps more refused messages than so many whole.
TOGETHER = MOST_BAD - 10
_SEEDS = [seed.payload for seed in find_frames()]

_scalars = st.one_of(
    st.sampled_from(NUMBERS), st.integers(), st.none(), st.booleans(), st.text(max_size=5)
)
_kline = st.fixed_dictionaries(
    {
        "t": st.sampled_from((1633998480000, 1633998540000, 0, -60000, 1633998480001, "x")),
        "T": st.sampled_from((1633998539999, 1633998599999, 59999, 10**14)),
        "s": st.just(SYMBOL),
        "i": st.sampled_from(("1m", "1m", "1m", "5m", "1M")),
        "o": st.sampled_from(("1", "2.50", "NaN", "1e1", 1)),
        "h": st.just("3"),
        "l": st.just("0"),
        "c": st.sampled_from(("1", "3.1", "-1", "2.5")),
        "v": st.sampled_from(("5", "0", "5.00")),
        "n": st.sampled_from((0, 7, -1, 10**18)),
        "x": st.sampled_from((True, True, True, False, 1, "true")),
        "q": st.sampled_from(("5", "0")),
        "V": st.sampled_from(("0", "5")),
        "Q": st.sampled_from(("0", "5", "٣")),
    }
)
_event = st.fixed_dictionaries(
    {
        "e": st.sampled_from(("kline", "kline", "kline", "trade")),
        "E": st.sampled_from((1633998540012, 1633998600012, 60000, 10**13 * 9)),
        "s": st.just(SYMBOL),
        "k": st.one_of(_kline, _kline, _kline, _scalars),
    }
)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"stream": st.just(f"{SYMBOL.lower()}@kline_1m"), "data": _event}),
    st.dictionaries(st.sampled_from(("stream", "data", "id", "result", "error")), _scalars),
    st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
).map(lambda message: json.dumps(message).encode())


class _Socket:
    """Gives what it has, and is closed then."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self._messages = iter(messages)

    async def recv(self, *, decode: bool) -> bytes:
        for message in self._messages:
            return message
        raise ConnectionClosedOK(None, None)


def make_case(seed: int, index: int) -> Case:
    """A damaged message."""
    rng = random.Random(f"{seed} frame {index}")
    symbol = f"W{index}USDT"
    others = [_named(one, symbol) for one in rng.choices(_SEEDS, k=2)]
    way = rng.random()
    if way < 0.05:
        frame = others[0]
    elif way < 0.15:
        frame = _moved(rng, others[0])
    else:
        frame = mutate(rng, others[0], others)
    return Case(f"frame {index}", symbol, frame, Timeframe.M1)


def _moved(rng: random.Random, frame: bytes) -> bytes:
    """The same at another time, by some clocks or by all."""
    delta_ms = rng.choice((1, 60, 24 * 60, 31 * 24 * 60, 27_233_308, 10**9)) * 60_000
    delta_ms *= rng.choice((-1, 1))
    names = rng.choice((b"tT", b"tTE", b"E"))

    def move(found: re.Match[bytes]) -> bytes:
        return found[1] + str(int(found[2]) + delta_ms).encode()

    return re.sub(rb'("[%s]":)([0-9]+)' % names, move, frame)


def shaped(index: int, payload: bytes) -> Case:
    """A message that hypothesis drew."""
    symbol = f"WS{index}USDT"
    return Case(f"frame shape {index}", symbol, _named(payload, symbol), Timeframe.M1)


def _named(frame: bytes, symbol: str) -> bytes:
    upper, lower = SYMBOL.encode(), SYMBOL.lower().encode()
    return frame.replace(upper, symbol.encode()).replace(lower, symbol.lower().encode())


def run(engine: Engine, cases: Sequence[Case]) -> list[str]:
    """Receives and writes the cases, a flush for some of them; a line for each wrong one."""
    writer = LiveWriter(engine, make_writers(timedelta(minutes=10)))
    try:
        # The server notices only in a moment that the writer before is gone.
        while not writer.try_lock():
            time.sleep(0.01)
        return [
            line
            for at in range(0, len(cases), TOGETHER)
            for line in _run(engine, writer, cases[at : at + TOGETHER])
        ]
    finally:
        writer.close()


def _run(engine: Engine, writer: LiveWriter, cases: Sequence[Case]) -> list[str]:
    after = last_quarantined(engine)
    batcher = make_batcher()
    batcher.clock_offset_ms = NOW_MS - time.time_ns() // 1_000_000
    wrong = asyncio.run(_receive(batcher, cases))
    try:
        writer.flush(batcher.take_batch(), from_ms(NOW_MS))
    except Exception as error:
        return [*wrong, f"{cases[0].name} and the {len(cases) - 1} after it: {error!r}"[:500]]
    return wrong + _judge(engine, cases, after)


async def _receive(batcher: Batcher, cases: Sequence[Case]) -> list[str]:
    heard: dict[Channel, float] = {}
    for case in cases:
        heard[price_channel(case.symbol)] = 0.0
        heard[candle_channel(Series(case.symbol, Timeframe.M1))] = 0.0
    steering = Steering(_ignore, _nothing, _ignore, _nothing)
    wrong = []
    for case in cases:
        socket = _Socket([case.payload])
        receiver = Receiver(socket, heard, batcher, steering, StreamCounters())  # type: ignore[arg-type]
        try:
            await receiver.run()
        except Exception as error:
            wrong.append(f"{case.name}: {type(error).__name__}: {str(error)[:200]}")
    return wrong


def _judge(engine: Engine, cases: Sequence[Case], after: int) -> list[str]:
    due: dict[tuple[str, int], list[Candle]] = defaultdict(list)
    possible: dict[tuple[str, int], list[Candle]] = defaultdict(list)
    names = {case.symbol: case.name for case in cases}
    quarantined = select_quarantined(engine, after)
    texts = {raw for _, _, raw in quarantined}
    wrong = find_unknown_rules(quarantined)
    for case in cases:
        judged = judge_frame(case.payload, NOW_MS)
        sure = judged is not None and not names_twice(case.payload)
        if judged is not None and judged[0] in names:
            (due if sure else possible)[judged[0], judged[1].open_ms].append(judged[1])
        wrong += _find_unaccounted(engine, case, sure, texts)
    stored = select_candles(engine, cases)
    for symbol, candles in stored.items():
        for at, candle in candles.items():
            told = [*due.pop((symbol, at), []), *possible[symbol, at]]
            if candle.key() not in [one.key() for one in told]:
                wrong.append(f"{names[symbol]}: stored, and no message says so: {candle}")
    return wrong + [
        f"{names[symbol]}: not stored: {candles[0]}" for (symbol, _), candles in due.items()
    ]


def _find_unaccounted(engine: Engine, case: Case, is_candle: bool, texts: set[str]) -> list[str]:
    """Whether a refusal left no trace, or a candle was taken for something else."""
    try:
        decoded = decode_frame(case.payload)
    except Exception:
        return []
    if isinstance(decoded, BadMessage):
        raw = case.payload[: 4 * LONGEST_RAW].decode(errors="replace")[:LONGEST_RAW]
        raw = raw.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        # The same text for the same rule is kept once, so that it may have been there.
        if raw not in texts and not is_quarantined(engine, decoded.rule, raw):
            return [f"{case.name}: refused as {decoded.rule}, and not in quarantine"]
    elif is_candle and not (isinstance(decoded, CandleUpdate) and decoded.closed):
        return [f"{case.name}: a closed candle, taken for {type(decoded).__name__}"]
    return []


def _ignore(_: object) -> None:
    pass


def _nothing() -> None:
    pass
