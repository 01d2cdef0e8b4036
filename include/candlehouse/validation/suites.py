"""The expectations about stored data: suites, in words and as Great Expectations classes.

A check is one of the library's own expectations with its arguments, or a query that finds
offending rows (a block of `expectations.sql`). Rows that the exchange itself published in odd
form have flags, and a flag exempts its row from the matching check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from candlehouse.core.model import Source, Verdict
from candlehouse.core.rules import FLAGS_OF_VALUES
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.validating.validation_windows import Severity

# Streamed candles are usually confirmed by REST within seconds; later during an outage.
CONFIRMED_WITHIN = timedelta(hours=1)
# The candles of a timeframe must be the exact sum of the shorter candles named here.
PARTS = {Timeframe.M15: Timeframe.M5, Timeframe.H1: Timeframe.M5}

# open_time is the partition key, so it cannot be NULL.
_NEVER_MISSING = ("symbol", "close_time", "open", "high", "low", "close", "volume", "source")
_NUMBERS = (
    "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume",
    "taker_buy_quote_volume",
)  # fmt: skip
_TYPES = [
    ("symbol", "text"), ("open_time", "timestamp with time zone"),
    ("close_time", "timestamp with time zone"), ("open", "numeric"), ("high", "numeric"),
    ("low", "numeric"), ("close", "numeric"), ("volume", "numeric"), ("quote_volume", "numeric"),
    ("trades", "bigint"), ("taker_buy_volume", "numeric"), ("taker_buy_quote_volume", "numeric"),
    ("source", "text"), ("flags", "text[]"), ("loaded_at", "timestamp with time zone"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation.

    Attributes:
        name: the condition in words; unique within a suite.
        expectation: name of the library's class, None for a query.
        arguments: of that class.
        query: name of the block that finds offending rows.
        query_timeframe: whose table the block reads besides the batch, None for none.
        values: parameters of the block besides those of the batch.
    """

    name: str
    expectation: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    query: str = ""
    query_timeframe: Timeframe | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    severity: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Suite:
    """A named group of checks."""

    name: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are validated together, and the suites about them.

    Attributes:
        query: name of the block that selects the rows.
        key: columns that identify a row.
        timeframe: of the rows, None for rows without a timeframe.
        values: parameters of its blocks besides the common ones.
        preparations: blocks that run before the checks, on the same connection, each with the
            timeframe whose table it reads besides the batch.
    """

    query: str
    key: tuple[str, ...]
    suites: tuple[Suite, ...]
    timeframe: Timeframe | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    preparations: Mapping[str, Timeframe | None] = field(default_factory=dict)


def window_batches(timeframe: Timeframe) -> list[Batch]:
    """The batches of every window of a timeframe's candles."""
    key = ("symbol", "open_time")
    suites = [_CANDLES, _COVERAGE, _LIVE]
    values: dict[str, object] = {"patience": CONFIRMED_WITHIN}
    preparations: dict[str, Timeframe | None] = {"pick_candles": None}
    if part := PARTS.get(timeframe):
        preparations["compare_with_parts"] = part
        suites.append(_sums(part))
        values |= {"parts": timeframe.length // part.length, "part_length": part.length}
    return [
        Batch("candles", key, tuple(suites), timeframe, values, preparations),
        Batch("corrections", key, (_CORRECTIONS,), timeframe),
    ]


def timeframe_batches(timeframe: Timeframe) -> list[Batch]:
    """The batches that run once per timeframe, over the whole range of a run."""
    table = {"table": f"candles_{timeframe}"}
    return [
        Batch("columns", ("name", "type"), (_COLUMNS,), timeframe, table),
        Batch("wanted", ("symbol",), (_freshness(timeframe),), timeframe),
        Batch("gaps", ("symbol", "gap_start"), (_gaps(timeframe),), timeframe),
    ]


def common_batches() -> list[Batch]:
    """The batches that run once and concern no timeframe."""
    return [
        Batch("universe", ("as_of", "symbol"), (_UNIVERSE,)),
        Batch("instruments", ("symbol",), (_INSTRUMENTS,)),
    ]


def _sums(part: Timeframe) -> Suite:
    return Suite(
        "sums",
        (
            Check(
                f"each has the prices of its {part} candles",
                query="prices_differ_from_parts",
                query_timeframe=part,
            ),
            # The exchange contradicts itself: of 1,826 daily candles that it published of
            # BTCUSDT, four have other amounts than their hours, and all have their prices.
            Check(
                f"each has the amounts of its {part} candles",
                query="amounts_differ_from_parts",
                severity=Severity.WARNING,
            ),
        ),
    )


def _freshness(timeframe: Timeframe) -> Suite:
    name = "the newest candle that can be expected is there"
    return Suite("freshness", (Check(name, query="stale", query_timeframe=timeframe),))


def _gaps(timeframe: Timeframe) -> Suite:
    return Suite(
        "gaps",
        (
            _one_of("verdict", [verdict.value for verdict in Verdict]),
            _positive("candles_missing"),
            Check("gaps lie on the grid and count their slots", query="gaps_miscounted"),
            Check("no two gaps of a series overlap", query="gaps_overlapping"),
            Check(
                "no candle is held inside a gap",
                query="gaps_contradicted",
                query_timeframe=timeframe,
            ),
            Check("nothing is missing that has not closed", query="gaps_not_over"),
        ),
    )


def _never_missing(column: str) -> Check:
    return Check(f"{column} is never missing", "ExpectColumnValuesToNotBeNull", {"column": column})


def _never_negative(column: str) -> Check:
    return Check(
        f"{column} is never negative",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": 0},
    )


def _positive(column: str) -> Check:
    return Check(
        f"{column} is positive",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": 0, "strict_min": True},
    )


def _one_of(column: str, values: list[str]) -> Check:
    return Check(
        f"{column} is known",
        "ExpectColumnValuesToBeInSet",
        {"column": column, "value_set": values},
    )


_CANDLES = Suite(
    "candles",
    (
        *(_never_missing(column) for column in _NEVER_MISSING),
        *(_never_negative(column) for column in _NUMBERS),
        _one_of("source", [source.value for source in Source]),
        Check("prices are in order", query="prices_out_of_order"),
        Check("takers buy no more than is traded", query="taker_above_total"),
        Check("no two candles of a symbol open at one time", query="doubled"),
        Check(
            "odd candles are flagged, and no others",
            query="flags_differ",
            values={"of_values": FLAGS_OF_VALUES},
        ),
        Check("all have closed by the exchange's clock", query="not_closed"),
    ),
)
_COVERAGE = Suite(
    "coverage",
    (Check("as many slots are held a day as coverage_days says", query="counts_differ"),),
)
_LIVE = Suite("live", (Check("what a stream brought was compared with REST", query="unconfirmed"),))
# What is stored is right by then: that a stream was not is worth knowing, and no fault.
_CORRECTIONS = Suite(
    "corrections",
    (
        Check(
            "what a stream brought was right",
            query="corrected_streams",
            severity=Severity.WARNING,
        ),
    ),
)
# Of a query, the library knows no types: the server does.
_COLUMNS = Suite(
    "columns",
    (
        Check(
            "columns have their types",
            "ExpectColumnPairValuesToBeInSet",
            {"column_A": "name", "column_B": "type", "value_pairs_set": _TYPES},
        ),
        Check(
            "all columns are there",
            "ExpectColumnDistinctValuesToEqualSet",
            {"column": "name", "value_set": [name for name, _ in _TYPES]},
        ),
    ),
)
_UNIVERSE = Suite(
    "universe",
    (
        *(_never_missing(column) for column in ("as_of", "rank", "symbol", "base_asset")),
        _positive("rank"),
        _never_negative("market_cap_usd"),
        Check(
            "no two members of a snapshot have one rank",
            "ExpectCompoundColumnsToBeUnique",
            {"column_list": ["as_of", "rank"]},
        ),
        Check("every member is a pair of the exchange", query="unknown_members"),
        Check("no snapshot is ahead of the exchange's clock", query="snapshots_ahead"),
    ),
)
_INSTRUMENTS = Suite(
    "instruments",
    (
        *(_never_missing(column) for column in ("symbol", "base_asset", "quote_asset", "status")),
        Check("symbols are unique", "ExpectColumnValuesToBeUnique", {"column": "symbol"}),
        _positive("tick_size"),
        _positive("lot_size"),
        _never_negative("min_notional"),
        Check("left_at is set exactly while a pair does not trade", query="left_and_trading"),
    ),
)
