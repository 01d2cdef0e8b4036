"""Collects 18 months of real candles through Airflow and compares all of them with the files.

    python tests/acceptance/compare_with_files.py

The stand-in exchange serves a folder of real answers of Binance (10 symbols, 1h, July 2022
to December 2023) with its clock frozen at their end. Airflow's scheduler catches up with
`collect_backward`, one run a month. Then every candle, every gap, the coverage and its
recomputation are compared. Exit code 0 only if nothing differs; ends all it started.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "include"), str(PROJECT / "tests")]

import psycopg2  # noqa: E402 - the folders above are needed first
from psycopg2.extensions import connection as Connection  # noqa: E402 - a class there

from candlehouse.storage.completeness.coverage import find_differences  # noqa: E402
from candlehouse.storage.database.engine import connect  # noqa: E402
from exchange_sim.testing import running  # noqa: E402
from support.servers.airflow_stack import RunningAirflow, TooSlow, running_airflow  # noqa: E402

DATA = PROJECT.parent / "shared" / "data"
NAME = "finom_rest_klines_1h_2022-07_2023-12"
START, END = "2022-07-01", "2024-01-01T00:00:00Z"
MONTHS = 18
LONGEST_S = 420.0
HOUR = timedelta(hours=1)
SHOWN = 5

Candle = tuple[str, ...]
Key = tuple[str, int]


def main() -> int:
    """Runs it all; 0 when nothing differs."""
    started = time.monotonic()
    symbols = sorted(path.name for path in (DATA / NAME).iterdir())
    with (
        tempfile.TemporaryDirectory(prefix="candlehouse-acceptance-") as folder,
        running(folder=DATA / NAME, clock=END, frozen=True) as exchange,
    ):
        variables = {
            "BINANCE_REST_URL": exchange.url,
            "SYMBOLS": ",".join(symbols),
            "TIMEFRAMES": "1h",
            "COLLECTION_START_DATE": START,
            # Nobody but the months' own runs is to bring anything.
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        }
        with running_airflow(Path(folder), variables) as airflow:
            try:
                catch_up(airflow)
            except TooSlow as error:
                print(error)
                return 1
            differences = compare(airflow.warehouse_url, symbols)
    print(f"{differences} differences; took {time.monotonic() - started:.0f} s")
    return 1 if differences else 0


def catch_up(airflow: RunningAirflow) -> None:
    """Lets the scheduler run every month of the files."""
    dag = "collect_backward"
    airflow.unpause(dag)
    took = airflow.wait_until(
        lambda: airflow.count_runs(dag, END)["success"] >= MONTHS, LONGEST_S, "all months"
    )
    runs = airflow.count_runs(dag, END)
    tasks = airflow.read(
        "SELECT count(*), COALESCE(sum(try_number - 1), 0) FROM task_instance WHERE dag_id = %s"
        " AND state = 'success'",
        dag,
    )
    print(f"{dag}: {dict(runs)} runs of months in {took:.0f} s, {tasks[0][0]} tasks,")
    print(f"  {tasks[0][1]} of them tried again")


def compare(url: str, symbols: list[str]) -> int:
    """Prints what was compared; gives the number of differences."""
    connection = psycopg2.connect(url)
    try:
        found = [
            *compare_candles(connection, symbols),
            *compare_gaps(connection),
            *compare_coverage(connection, symbols),
        ]
    finally:
        connection.close()
    found += verify(url)
    for difference in found[:SHOWN]:
        print(f"  DIFFERENT {difference}")
    return len(found)


def compare_candles(connection: Connection, symbols: list[str]) -> list[str]:
    """All eleven values of every candle, as text."""
    expected = {key: candle for symbol in symbols for key, candle in read_files(symbol)}
    held = dict(read_candles(connection))
    wrong = [key for key, candle in expected.items() if key in held and held[key] != candle]
    lacking, extra = expected.keys() - held.keys(), held.keys() - expected.keys()
    print(f"candles: {len(expected)} in the files, {len(held)} in market.candles,")
    print(f"  {len(wrong)} with another value, {len(lacking)} lacking, {len(extra)} too many")
    return [
        *(f"candle {key}: file {expected[key]}, table {held[key]}" for key in wrong),
        *(f"candle {key} is not in the table" for key in sorted(lacking)),
        *(f"candle {key} is not in the files" for key in sorted(extra)),
    ]


def read_files(symbol: str) -> Iterator[tuple[Key, Candle]]:
    """Candles of the files, in the order of their columns."""
    for path in sorted((DATA / NAME / symbol / "1h").glob("*.json")):
        for row in json.loads(path.read_text()):
            yield (symbol, int(row[0])), tuple(str(value) for value in row[:11])


def read_candles(connection: Connection) -> Iterator[tuple[Key, Candle]]:
    """Candles of the table, in the order of the files' columns."""
    with connection.cursor("candles") as cursor:
        cursor.itersize = 20_000
        cursor.execute(
            """
            SELECT symbol, (extract(epoch FROM open_time) * 1000)::bigint,
                open::text, high::text, low::text, close::text, volume::text,
                (extract(epoch FROM close_time) * 1000)::bigint::text, quote_volume::text,
                trades::text, taker_buy_volume::text, taker_buy_quote_volume::text
            FROM market.candles
            """
        )
        for symbol, open_ms, *values in cursor:
            yield (symbol, open_ms), (str(open_ms), *values)


def compare_gaps(connection: Connection) -> list[str]:
    """Gaps must be the known holes, each an outage with its witnesses; no others."""
    with open(DATA / "TRUTH_gaps.csv", newline="") as file:
        expected = Counter(
            (row["symbol"], row["interval"], *hole_of(row))
            for row in csv.DictReader(file)
            if row["set"] == NAME
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT symbol, timeframe, gap_start, gap_end, verdict, evidence FROM market.gaps"
        )
        rows = cursor.fetchall()
    outages = Counter(tuple(row[:4]) for row in rows if row[4] == "exchange_outage")
    others = [row for row in rows if row[4] != "exchange_outage"]
    bare = [row for row in rows if not row[5].get("witnesses")]
    print(f"gaps: {sum(expected.values())} known holes, {sum(outages.values())} outages recorded,")
    print(f"  {len(others)} gaps with another verdict, {len(bare)} without witnesses")
    if rows:
        print(f"  evidence of {rows[0][0]}: {json.dumps(rows[0][5])}")
    return [
        *(f"hole {hole} is not an outage in market.gaps" for hole in expected - outages),
        *(f"outage {hole} is no hole of the files" for hole in outages - expected),
        *(f"gap {row}" for row in (*others, *bare)),
    ]


def hole_of(row: dict[str, str]) -> tuple[datetime, datetime]:
    """The half-open range of a hole."""
    start = datetime.fromisoformat(row["first_missing_open_utc"]).replace(tzinfo=UTC)
    return start, start + int(row["missing_candles"]) * HOUR


def compare_coverage(connection: Connection, symbols: list[str]) -> list[str]:
    """Everything is expected, and nothing of it pending."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT symbol), sum(expected)::int, sum(present)::int,"
            " sum(absent)::int, sum(pending)::int FROM market.coverage"
        )
        series, expected, present, absent, pending = cursor.fetchone() or ()
    hours = (datetime.fromisoformat(END) - datetime.fromisoformat(f"{START}T00:00:00Z")) // HOUR
    print(f"coverage: {series} series, {expected} expected, {present} present, {absent} absent,")
    print(f"  {pending} pending")
    right = (series, expected, pending) == (len(symbols), hours * len(symbols), 0)
    return [] if right else [f"coverage: {hours * len(symbols)} candles should be expected"]


def verify(url: str) -> list[str]:
    """What recomputing the coverage from the candles finds."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            found = list(find_differences(connection))
    finally:
        engine.dispose()
    print(f"verify: {len(found)} differences")
    return found


if __name__ == "__main__":
    sys.exit(main())
