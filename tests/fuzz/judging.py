"""Compares what is in the warehouse with what the oracle says must be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, text

from candlehouse.core.timeframe import EPOCH, Timeframe
from fuzz.oracle import Candle, Judgement, is_possible

# Every rule that a row or a message may be refused by.
RULES = frozenset(
    (
        "no_candle", "outside_file", "duplicate_open_time", "prices_out_of_order",
        "taker_above_total", "wrong_close_time", "not_json", "unknown_message", "not_a_kline",
        "wrong_type", "unknown_stream", "stream_disagrees", "misaligned", "not_decimal",
        "event_before_open", "event_long_after_close", "closed_early", "event_in_future",
        "event_in_past", "refused_by_database",
    )
)  # fmt: skip
_CANDLES = """
SELECT symbol, open_time, close_time, open, high, low, close, volume, quote_volume,
    taker_buy_volume, taker_buy_quote_volume, trades
FROM market.candles_{} WHERE symbol = ANY (:symbols)
"""
_LAST = "SELECT COALESCE(max(quarantine_id), 0) FROM market.quarantined_candles"
# In the words of the unique index.
_ANONYMOUS = """
SELECT EXISTS (
    SELECT FROM market.quarantined_candles
    WHERE symbol IS NULL AND timeframe IS NULL AND source = 'stream' AND rule = :rule
        AND md5(raw) = md5(:raw)
)
"""
_QUARANTINE = """
SELECT symbol, rule, raw FROM market.quarantined_candles WHERE quarantine_id > :after
"""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One payload, and how to get it again.

    Attributes:
        name: its kind and index, which together with the seed make it.
        symbol: its own, so that no case meets another.
    """

    name: str
    symbol: str
    payload: bytes
    timeframe: Timeframe


Stored = dict[str, dict[int, Candle]]


def select_candles(engine: Engine, cases: Iterable[Case]) -> Stored:
    """What is stored of the cases' symbols, by open time in milliseconds."""
    symbols: dict[Timeframe, list[str]] = defaultdict(list)
    for case in cases:
        symbols[case.timeframe].append(case.symbol)
    found: Stored = defaultdict(dict)
    with engine.connect() as connection:
        for timeframe, names in symbols.items():
            rows = connection.execute(text(_CANDLES.format(timeframe)), {"symbols": names})
            for symbol, opens, closes, *numbers, trades in rows:
                candle = Candle(
                    (opens - EPOCH) // _MILLISECOND,
                    (closes - EPOCH) // _MILLISECOND,
                    tuple(numbers[:4]),
                    tuple(numbers[4:]),
                    trades,
                )
                found[symbol][candle.open_ms] = candle
    return found


def last_quarantined(engine: Engine) -> int:
    """Number of the newest row in quarantine."""
    with engine.connect() as connection:
        return int(connection.execute(text(_LAST)).scalar_one())


def select_quarantined(engine: Engine, after: int) -> list[tuple[str | None, str, str]]:
    """Symbol, rule and text of what was refused since then."""
    with engine.connect() as connection:
        rows = connection.execute(text(_QUARANTINE), {"after": after})
        return [(row.symbol, row.rule, row.raw) for row in rows]


def is_quarantined(engine: Engine, rule: str, raw: str) -> bool:
    """Whether a message that does not say what it is about was ever refused so."""
    with engine.connect() as connection:
        found = connection.execute(text(_ANONYMOUS), {"rule": rule, "raw": raw})
        return bool(found.scalar_one())


def find_unknown_rules(quarantined: Collection[tuple[str | None, str, str]]) -> list[str]:
    """A line for each refusal that names no rule of ours."""
    unknown = [(rule, raw) for _, rule, raw in quarantined if rule not in RULES]
    return [f"unknown rule {rule}: {raw[:80]!r}" for rule, raw in unknown]


def find_wrong(
    cases: Collection[Case],
    judged: Mapping[str, Judgement | None],
    stored: Stored,
    quarantined: Collection[tuple[str | None, str, str]],
) -> list[str]:
    """A line for each case whose rows are not stored or refused as they must be.

    Args:
        cases: that were written.
        judged: by symbol; None of what must be refused as a whole.
        stored: as it is in the warehouse.
        quarantined: likewise.
    """
    refused: dict[str | None, int] = defaultdict(int)
    wrong = find_unknown_rules(quarantined)
    for symbol, _, _ in quarantined:
        refused[symbol] += 1
    for case in cases:
        judgement = judged[case.symbol] or Judgement()
        held = stored.get(case.symbol, {})
        found = {at: one.key() for at, one in held.items()}
        due = {at: one.key() for at, one in judgement.candles.items()}
        if judgement.lenient:
            # Stored or refused, over something older or not; but never anything that cannot be.
            length_ms = case.timeframe.length_ms
            found = {at: key for at, key in found.items() if not is_possible(held[at], length_ms)}
            due = {}
        elif refused[case.symbol] != judgement.refused:
            there = refused[case.symbol]
            wrong.append(f"{case.name}: {there} in quarantine, {judgement.refused} must be")
        if found != due:
            wrong.append(f"{case.name}: stored {describe(found, due)}")
    return wrong


def describe(found: Mapping[int, object], due: Mapping[int, object]) -> str:
    """The first difference in words."""
    for at in sorted(found.keys() | due.keys()):
        if found.get(at) != due.get(at):
            return f"at {at}: {found.get(at)}, must be {due.get(at)}"
    return "nothing else"
