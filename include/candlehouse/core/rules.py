"""The rules for every message, row and candle, and what happens when a rule is broken.

Data that the exchange itself published is kept exactly as it came and flagged if it is odd: its
old candles open off the grid, close before they open, or were cut short by an outage. Only
rows that cannot be a candle at all are refused, and kept as text in `quarantined_candles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from statistics import median_low
from typing import Final


class Outcome(Enum):
    """What happens to a message, row or candle that breaks a rule."""

    REJECTED = "rejected"
    CORRECTED = "corrected"
    FLAGGED = "flagged"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: as stored in `quarantined_candles.rule`, or in the `flags` of a candle.
        says: the condition that must hold, for people.
        outcomes: of a rule with two, one row is refused and the other row is flagged.
    """

    name: str
    says: str
    outcomes: tuple[Outcome, ...]


# Of messages of a stream.
NOT_JSON: Final = "not_json"
UNKNOWN_MESSAGE: Final = "unknown_message"
NOT_A_KLINE: Final = "not_a_kline"
WRONG_TYPE: Final = "wrong_type"
UNKNOWN_STREAM: Final = "unknown_stream"
STREAM_DISAGREES: Final = "stream_disagrees"
MISALIGNED: Final = "misaligned"
WRONG_CLOSE_TIME: Final = "wrong_close_time"
NOT_DECIMAL: Final = "not_decimal"
EVENT_BEFORE_OPEN: Final = "event_before_open"
CLOSED_EARLY: Final = "closed_early"
EVENT_LONG_AFTER_CLOSE: Final = "event_long_after_close"
EVENT_IN_FUTURE: Final = "event_in_future"
EVENT_IN_PAST: Final = "event_in_past"
REFUSED_BY_DATABASE: Final = "refused_by_database"
# Of rows of files and of answers.
NO_CANDLE: Final = "no_candle"
MALFORMED_ANSWER: Final = "malformed_answer"
OUTSIDE_FILE: Final = "outside_file"
OTHER_SYMBOL: Final = "other_symbol"
NOT_CLOSED: Final = "not_closed"
DUPLICATE_OPEN_TIME: Final = "duplicate_open_time"
# Of values.
PRICES_OUT_OF_ORDER: Final = "prices_out_of_order"
TAKER_ABOVE_TOTAL: Final = "taker_above_total"
DIFFERING_VALUES: Final = "differing_values"
# Of candles that are stored.
OFF_GRID: Final = "off_grid"
ODD_CLOSE_TIME: Final = "odd_close_time"
ZERO_VOLUME: Final = "zero_volume"
TRADES_DISAGREE: Final = "trades_disagree"
QUOTE_OUT_OF_RANGE: Final = "quote_out_of_range"
PRICE_JUMP: Final = "price_jump"

_REJECTED = (Outcome.REJECTED,)
_CORRECTED = (Outcome.CORRECTED,)
_FLAGGED = (Outcome.FLAGGED,)

# All rules, in the order of docs/reference/rules.md.
RULES: Final = (
    Rule(NOT_JSON, "a message is JSON", _REJECTED),
    Rule(UNKNOWN_MESSAGE, "a message is an event or the reply to a command", _REJECTED),
    Rule(NOT_A_KLINE, "an event is a candle or a price, as its stream's name says", _REJECTED),
    Rule(WRONG_TYPE, "an event has every field, of its type and in its range", _REJECTED),
    Rule(UNKNOWN_STREAM, "an event's stream has the name of a series or a symbol", _REJECTED),
    Rule(STREAM_DISAGREES, "symbol and interval are those of the stream's name", _REJECTED),
    Rule(MISALIGNED, "a streamed candle opens on the grid", _REJECTED),
    Rule(
        WRONG_CLOSE_TIME,
        "a candle closes within a day of its end, a streamed one 1 ms before the next slot",
        _REJECTED,
    ),
    Rule(NOT_DECIMAL, "streamed numbers are digits with a point, without a sign", _REJECTED),
    Rule(EVENT_BEFORE_OPEN, "an event was sent after its candle opened", _REJECTED),
    Rule(CLOSED_EARLY, "a closed candle was sent after its close time", _REJECTED),
    Rule(
        EVENT_LONG_AFTER_CLOSE, "an event was sent within 100 days of its candle's end", _REJECTED
    ),
    Rule(EVENT_IN_FUTURE, "an event is not a day ahead of the exchange's clock", _REJECTED),
    Rule(EVENT_IN_PAST, "an event is not a day behind the exchange's clock", _REJECTED),
    Rule(REFUSED_BY_DATABASE, "the tables can hold a streamed candle", _REJECTED),
    Rule(
        NO_CANDLE,
        "a row has its columns; times are times, numbers are digits with a point, without a sign",
        _REJECTED,
    ),
    Rule(MALFORMED_ANSWER, "an answer of the REST interface is a list of candles", _REJECTED),
    Rule(OUTSIDE_FILE, "a row opens in the time that its file is for", _REJECTED),
    Rule(OTHER_SYMBOL, "a row that names a symbol names that of its file", _REJECTED),
    Rule(NOT_CLOSED, "a row's slot has ended, on the exchange's clock", _REJECTED),
    Rule(
        DUPLICATE_OPEN_TIME,
        "a series has one row per open time; of several the last one is stored",
        (Outcome.REJECTED, Outcome.FLAGGED),
    ),
    Rule(PRICES_OUT_OF_ORDER, "0 <= low <= open, close <= high", _REJECTED),
    Rule(TAKER_ABOVE_TOTAL, "takers bought no more than was traded, base and quote", _REJECTED),
    Rule(DIFFERING_VALUES, "a candle that comes again has the values that are stored", _CORRECTED),
    Rule(OFF_GRID, "a candle opens at the start of its slot", _FLAGGED),
    Rule(ODD_CLOSE_TIME, "a candle closes 1 ms before its length is over", _FLAGGED),
    Rule(ZERO_VOLUME, "something was traded", _FLAGGED),
    Rule(
        TRADES_DISAGREE,
        "no volume and no trades go together, and prices stand still then",
        _FLAGGED,
    ),
    Rule(
        QUOTE_OUT_OF_RANGE,
        "quote volume lies between volume at the low and volume at the high",
        _FLAGGED,
    ),
    Rule(
        PRICE_JUMP,
        "the close is within 5%, or 10 times the usual change, of the one before",
        _FLAGGED,
    ),
)

# Flags that the writer derives from the candle's own times, prices and counts.
FLAGS_OF_VALUES: Final = (ODD_CLOSE_TIME, OFF_GRID, TRADES_DISAGREE, ZERO_VOLUME)

# The exchange sums up quote volume trade by trade, each rounded to eight decimals.
QUOTE_ROUNDING: Final = Decimal("0.00000001")

# A change of the close is a jump when it exceeds this fraction of the previous close
JUMP_LEAST: Final = Decimal("0.05")
# and this multiple of the median of the changes before it.
JUMP_TIMES: Final = 10
# The median is taken over the closes of this many slots before the candle,
JUMP_REACH: Final = 25
# of which at least this many must be stored: fewer do not show what is usual.
JUMP_CLOSES: Final = 13


def is_price_jump(closes: Sequence[Decimal]) -> bool:
    """Whether the last of `closes` jumped away from those before it.

    The median makes the test robust: one jump among the earlier closes hides no other. Only
    earlier candles count, so the result does not depend on when it is computed.

    Args:
        closes: closes of the `JUMP_REACH` slots before a candle, as far as they are stored, and
            then its own close; oldest first.

    Returns:
        False with fewer than `JUMP_CLOSES` earlier closes.
    """
    if len(closes) <= JUMP_CLOSES:
        return False
    *earlier, last = [
        abs(after - before) / before if before else Decimal(0) for before, after in pairwise(closes)
    ]
    return last > JUMP_LEAST and last > JUMP_TIMES * median_low(earlier)


def join_flags(*flags: str | None) -> tuple[str, ...]:
    """The distinct flags in alphabetical order, as they are stored; None is left out."""
    return tuple(sorted({flag for flag in flags if flag is not None}))
