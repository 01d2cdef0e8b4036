"""How many bytes a candle takes: as it is written, and in the columnstore.

The candles are the stand-in exchange's, with prices and volumes as long as real ones, and
are written as the collector writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from benchmarks.measuring.results import Options, Result
from benchmarks.warehouses.servers import PLAIN, TIMESCALE, find_kinds, warehouse
from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.timeframe import DAY, Timeframe, to_ms
from candlehouse.storage.candles.page_writer import lock_series, write_candles
from candlehouse.storage.database.engine import connect
from candlehouse.storage.upkeep.maintenance import COLUMNSTORE_AFTER, convert_old_chunks
from exchange_sim.market.synthetic import SyntheticMarket

PART = "storage"
COMPARE = "bytes a candle"
_SEED = 1
_SYMBOLS = 12
_TIMEFRAMES = (Timeframe.M5, Timeframe.H1)
_SPAN = Span(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))
_SLICE = 10 * DAY
# Longer than any chunk, so that every one is over.
_LATER = 9999 * DAY
_FAST = {"fsync": "off", "full_page_writes": "off"}
_SIZES = {
    PLAIN: (
        "SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)),"
        " sum(pg_total_relation_size(relid))"
        " FROM pg_partition_tree(CAST(:name AS regclass)) WHERE isleaf"
    ),
    # A compressed chunk's own size is in the total too.
    TIMESCALE: (
        "SELECT table_bytes + toast_bytes, index_bytes, total_bytes"
        " FROM hypertable_detailed_size(CAST(:name AS regclass))"
    ),
}


def run(options: Options) -> Iterator[Result]:
    """Every kind of warehouse once: the same candles take the same room again."""
    market = SyntheticMarket(_SEED)
    symbols = _choose_symbols(market)
    for kind in find_kinds():
        with warehouse(kind, _FAST) as (url, _):
            engine = connect(url)
            try:
                for timeframe in _TIMEFRAMES:
                    _load(engine, market, symbols, timeframe)
                yield from _weigh(engine, kind, kind)
                if kind == TIMESCALE:
                    convert_old_chunks(engine, _SPAN.end + COLUMNSTORE_AFTER + _LATER)
                    yield from _weigh(engine, kind, f"{kind}, columnstore")
            finally:
                engine.dispose()


def _choose_symbols(market: SyntheticMarket) -> list[str]:
    """The first ones that are listed all the while."""
    low, high = to_ms(_SPAN.start), to_ms(_SPAN.end)
    lives = {symbol: market.listing(symbol) for symbol in market.symbols()}
    return [
        symbol
        for symbol, life in lives.items()
        if life.listed_ms <= low and (life.delisted_ms is None or life.delisted_ms >= high)
    ][:_SYMBOLS]


def _load(
    engine: Engine, market: SyntheticMarket, symbols: list[str], timeframe: Timeframe
) -> None:
    start = _SPAN.start
    while start < _SPAN.end:
        span = Span(start, min(start + _SLICE, _SPAN.end))
        pages = [_page(market, Series(symbol, timeframe), span) for symbol in symbols]
        with engine.begin() as connection:
            lock_series(connection, (page.series for page in pages))
            write_candles(connection, pages)
        start = span.end


def _page(market: SyntheticMarket, series: Series, span: Span) -> CheckedPage:
    candles = market.candles(
        series.symbol, series.timeframe.value, to_ms(span.start), to_ms(span.end)
    )
    # The last column of the wire is not stored.
    lines = ("\t".join(map(str, (series.symbol, *one.row()[:-1]))) + "\n" for one in candles)
    return CheckedPage(series, span, Source.ARCHIVE, CandleRows("".join(lines)))


def _weigh(engine: Engine, kind: str, subject: str) -> Iterator[Result]:
    for timeframe in _TIMEFRAMES:
        name = f"market.candles_{timeframe}"
        with engine.connect() as connection:
            candles = connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            sizes = connection.execute(text(_SIZES[kind]), {"name": name}).one()
        table, indexes, total = (float(size) / candles for size in sizes)
        figures = {
            COMPARE: total,
            "table": table,
            "indexes": indexes,
            "candles": candles,
        }
        yield Result(PART, f"{timeframe}, {_SYMBOLS} symbols", subject, 0, figures, COMPARE)
