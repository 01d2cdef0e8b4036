"""Binance's own candles, set by set: their odd rows flagged, their holes explained, all exact."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.importing.file_names import is_candle_file, series_of_file
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.planning.windows import Scope, Window
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.facts import FILE_NAMES
from candlehouse.pipelines.collecting.collect_run import collect_scope, judge_scope
from candlehouse.pipelines.importing import CandleFile, ImportReport, import_files
from candlehouse.pipelines.validating.flagging import flag_candles
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import load_settings
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse
from exchange_sim.testing import running
from support.places import SHARED_DATA
from support.warehouses import warehouse_of

DATA = SHARED_DATA
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the folder of real candles is not beside the project"
)
GRACE = timedelta(minutes=10)
HOURS, QUARTERS = "finom_rest_klines_1h_2022-07_2023-12", "finom_rest_klines_15m_2025Q1"
FEW_COLUMNS, CLIENTS = "ohlcv6_1h_top60_2023H2", "pybinance_csv"
ALONE = "vision_csv"
# As the truth and as Candlehouse call them.
FLAGS = {
    "close_time_not_open_plus_interval": "odd_close_time",
    "zero_volume": "zero_volume",
    "duplicate_open_time": "duplicate_open_time",
}
Truth = list[dict[str, str]]


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def read_truth(name: str, of_set: str) -> Truth:
    with (DATA / f"TRUTH_{name}.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["set"] == of_set]


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def key(line: dict[str, str]) -> tuple[str, str]:
    return line["symbol"], line["interval"]


def span_of(line: dict[str, str]) -> Span:
    length = Timeframe(line["interval"]).length
    return Span(moment(line["first_open_utc"]), moment(line["last_open_utc"]) + length)


def serve_and_collect(of_set: str, engine: Engine, url: str, home: Path) -> None:
    """Collects each timeframe of a set from a stand-in that serves its folder."""
    series = read_truth("series", of_set)
    end = max(span_of(line).end for line in series)
    clock = f"{end + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    with running(folder=DATA / of_set, clock=clock, frozen=True, weight_limit=100_000) as exchange:
        settings = load_settings(
            {
                "CANDLEHOUSE_HOME": str(home),
                "CANDLEHOUSE_DATABASE_URL": url,
                "BINANCE_REST_URL": exchange.url,
                "COLLECTION_START_DATE": "2018-01-01",
            }
        )

        async def run(scope: Scope) -> None:
            async with open_source(Warehouse(settings, engine)) as source:
                report = await collect_scope(Warehouse(settings, engine), source, scope)
                assert report.failures == {}
                assert (
                    await judge_scope(Warehouse(settings, engine), source, scope)
                ).failures == {}

        for timeframe in sorted({line["interval"] for line in series}):
            lines = [line for line in series if line["interval"] == timeframe]
            spans = [span_of(line) for line in lines]
            whole = Span(min(s.start for s in spans), max(s.end for s in spans))
            symbols = tuple(line["symbol"] for line in lines)
            asyncio.run(run(Scope(Window.BACKWARD, (Timeframe(timeframe),), symbols, whole)))


def import_set(of_set: str, engine: Engine) -> ImportReport:
    found = [path for path in sorted((DATA / of_set).rglob("*")) if is_candle_file(path)]
    files = [CandleFile(path, series_of_real(path)) for path in found]
    return import_files(warehouse_of(engine), files, Source.REST, GRACE)


def series_of_real(path: Path) -> Series:
    """As somebody says it who knows: clients put words before the symbols of their files."""
    if path.parent.name != CLIENTS:
        return series_of_file(path, FILE_NAMES)
    _, symbol_and_timeframe = path.name.split("_")
    symbol, timeframe, _ = symbol_and_timeframe.split("-")
    return Series(symbol, Timeframe(timeframe))


def check_set(of_set: str, engine: Engine) -> None:
    check_series(of_set, engine)
    check_gaps(of_set, engine)
    check_flags(of_set, engine)
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []


def check_series(of_set: str, engine: Engine) -> None:
    """As many candles as there must be from the first to the last of each file or folder."""
    for line in read_truth("series", of_set):
        span = span_of(line)
        sql = (
            f"SELECT count(*), min(open_time), max(open_time) FROM market.candles"
            f" WHERE symbol = '{line['symbol']}' AND timeframe = '{line['interval']}'"
            f" AND open_time >= '{span.start}' AND open_time < '{span.end}'"
        )
        (found,) = rows(engine, sql)
        last = span.end - Timeframe(line["interval"]).length
        assert found == (int(line["unique_open_times"]), span.start, last), line
    expected = sum(int(line["unique_open_times"]) for line in read_truth("series", of_set))
    assert rows(engine, "SELECT count(*) FROM market.candles") == [(expected,)]


def check_gaps(of_set: str, engine: Engine) -> None:
    expected = [
        (
            line["symbol"],
            line["interval"],
            moment(line["first_missing_open_utc"]),
            int(line["missing_candles"]),
            # Nobody else is in these files.
            "pending" if of_set in (CLIENTS, ALONE)
            else "no_data" if line["symbol"] == "FDUSDUSDT" else "exchange_outage",
        )
        for line in read_truth("gaps", of_set)
    ]  # fmt: skip
    spans = sorted((*key(line), span_of(line)) for line in read_truth("series", of_set))
    for (*before, earlier), (*after, later) in pairwise(spans):
        if before == after and earlier.end < later.start:
            slots = (later.start - earlier.end) // Timeframe(after[1]).length
            expected.append((*after, earlier.end, slots, "pending"))
    found = rows(
        engine,
        "SELECT symbol, timeframe, gap_start, candles_missing, verdict FROM market.gaps AS g"
        " WHERE EXISTS (SELECT FROM market.candles AS c WHERE c.symbol = g.symbol"
        " AND c.timeframe = g.timeframe AND c.open_time >= g.gap_end)",
    )
    assert sorted(found, key=str) == sorted(expected, key=str)


def check_flags(of_set: str, engine: Engine) -> None:
    """On exactly the rows of the truth, as they are written and after a pass over all of them."""
    expected: dict[tuple[object, ...], set[str]] = {}
    for line in read_truth("anomalies", of_set):
        key = line["symbol"], line["interval"], moment(line["open_utc"])
        expected.setdefault(key, set()).add(FLAGS[line["kind"]])
    assert select_flags(engine) == expected
    series = rows(engine, "SELECT symbol, timeframe FROM market.collector_state")
    always = Span(datetime(2017, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    asked = {Series(str(symbol), Timeframe(name)): always for symbol, name in series}
    report = flag_candles(warehouse_of(engine), asked, always.end)
    assert select_flags(engine, "price_jump") == expected
    jumps = report.flagged.pop("price_jump", 0)
    assert report.flagged.total() == sum(map(len, expected.values()))
    assert report.changed <= jumps
    assert flag_candles(warehouse_of(engine), asked, always.end).changed == 0


def select_flags(engine: Engine, *besides: str) -> dict[tuple[object, ...], set[str]]:
    found = {
        row[:3]: set(row[3]) - set(besides)  # type: ignore[call-overload]
        for row in rows(
            engine,
            "SELECT symbol, timeframe, open_time, flags FROM market.candles"
            " WHERE flags IS NOT NULL",
        )
    }
    return {key: flags for key, flags in found.items() if flags}


@pytest.mark.parametrize("of_set", [HOURS, ALONE, "vision_zip_1m"])
def test_a_served_set_is_collected_and_its_oddities_are_told(
    of_set: str, engine: Engine, warehouse_url: str, tmp_path: Path
) -> None:
    serve_and_collect(of_set, engine, warehouse_url, tmp_path)
    check_set(of_set, engine)


# A period of the longer timeframe beside what its quarters of an hour add up to.
SUMS = """
SELECT count(*), count(*) FILTER (WHERE
    (c.open, c.high, c.low, c.close, c.volume, c.quote_volume, c.trades, c.taker_buy_volume,
        c.taker_buy_quote_volume)
    IS DISTINCT FROM
    (q.open, q.high, q.low, q.close, q.volume, q.quote_volume, q.trades, q.taker_buy_volume,
        q.taker_buy_quote_volume))
FROM market.candles_{timeframe} AS c
JOIN (
    SELECT symbol, date_bin('{length}', open_time, 'epoch') AS open_time, count(*) AS quarters,
        (array_agg(open ORDER BY open_time))[1] AS open, max(high) AS high, min(low) AS low,
        (array_agg(close ORDER BY open_time DESC))[1] AS close, sum(volume) AS volume,
        sum(quote_volume) AS quote_volume, sum(trades)::bigint AS trades,
        sum(taker_buy_volume) AS taker_buy_volume,
        sum(taker_buy_quote_volume) AS taker_buy_quote_volume
    FROM market.candles_15m
    GROUP BY 1, 2
) AS q USING (symbol, open_time)
WHERE q.quarters = {quarters}
"""


def test_quarters_of_an_hour_add_up_to_hours_and_days_exactly(
    engine: Engine, warehouse_url: str, tmp_path: Path
) -> None:
    serve_and_collect(QUARTERS, engine, warehouse_url, tmp_path)
    check_set(QUARTERS, engine)
    # Ten symbols: hours from New Year to 30 March, days from 30 December on.
    for timeframe, quarters, periods in (("1h", 4, 89 * 24), ("1d", 96, 91)):
        length = Timeframe(timeframe).length
        sql = SUMS.format(timeframe=timeframe, length=length, quarters=quarters)
        assert rows(engine, sql) == [(10 * periods, 0)]


def test_files_of_few_columns_are_imported_and_their_holes_explained(engine: Engine) -> None:
    report = import_set(FEW_COLUMNS, engine)
    assert report.files == 60
    assert report.written.quarantined == 0
    check_set(FEW_COLUMNS, engine)
    unknown = ("quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
    counts = ", ".join(f"count({column})" for column in unknown)
    assert rows(engine, f"SELECT {counts} FROM market.candles") == [(0, 0, 0, 0)]
    (evidence,) = rows(engine, "SELECT evidence FROM market.gaps WHERE verdict = 'no_data'")
    assert evidence[0]["witnesses"] > 40  # type: ignore[index]


def test_of_two_rows_with_one_open_time_the_last_is_stored_and_the_other_kept_apart(
    engine: Engine,
) -> None:
    report = import_set(CLIENTS, engine)
    assert report.written.quarantined == 1
    check_set(CLIENTS, engine)
    volumes = [
        line["detail"].removeprefix("volume=")
        for line in read_truth("anomalies", CLIENTS)
        if line["kind"] == "duplicate_open_time"
    ]
    sql = "SELECT volume::text FROM market.candles WHERE 'duplicate_open_time' = ANY (flags)"
    assert rows(engine, sql) == [(volumes[1],)]
    (refused,) = rows(engine, "SELECT rule, raw FROM market.quarantined_candles")
    assert refused[0] == "duplicate_open_time"
    assert str(refused[1]).split(",")[5] == volumes[0]
