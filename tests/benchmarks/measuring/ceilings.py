"""How fast PostgreSQL takes the same candles when nothing else is asked of it.

Staged: the text of an archive file, untouched, into a temporary table, and from there
converted into the candles' own table with its key and checks: as few statements as any
loader of these files can do with. Raw: rows that were converted before, straight into that
table. Floors: the usual ways of client libraries, on a sample.
"""

from __future__ import annotations

import csv
import io
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extras import execute_values

if TYPE_CHECKING:
    import psycopg2.extensions

Files = Sequence[tuple[str, bytes]]
# Later than this in milliseconds is a time in microseconds.
_MOST_MS = 100_000_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    "symbol, open_time, open, high, low, close, volume, close_time,"
    " quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, source"
)
_STAGING = """
CREATE TEMPORARY TABLE staged (
    open_at bigint, open numeric, high numeric, low numeric, close numeric, volume numeric,
    close_at bigint, quote_volume numeric, trades bigint, taker_buy_volume numeric,
    taker_buy_quote_volume numeric, ignored text
) ON COMMIT DELETE ROWS
"""
_UNIT = f"CASE WHEN open_at > {_MOST_MS} THEN 1000000.0::float8 ELSE 1000.0::float8 END"
_CONVERT = f"""
INSERT INTO market.candles_5m ({_COLUMNS})
SELECT %s, to_timestamp(open_at / {_UNIT}), open, high, low, close, volume,
    to_timestamp(close_at / {_UNIT}), quote_volume, trades, taker_buy_volume,
    taker_buy_quote_volume, 'archive'
FROM staged
"""
_COPY = f"COPY market.candles_5m ({_COLUMNS}) FROM STDIN"
_VALUES = f"INSERT INTO market.candles_5m ({_COLUMNS}) VALUES %s"
_ROW = f"INSERT INTO market.candles_5m ({_COLUMNS}) VALUES ({', '.join(['%s'] * 13)})"
_PAGE = 1000


def stage(url: str, files: Files, connections: int) -> float:
    """Seconds that staging and inserting files takes, one transaction a file.

    Args:
        url: of an empty warehouse.
        files: symbol and CSV of each.
        connections: that share the symbols.
    """
    by_symbol: dict[str, list[bytes]] = defaultdict(list)
    for symbol, content in files:
        by_symbol[symbol].append(content)
    left = list(by_symbol.items())
    open_ones = [psycopg2.connect(url) for _ in range(connections)]
    failures: list[BaseException] = []
    try:
        for connection in open_ones:
            with connection.cursor() as cursor:
                cursor.execute(_STAGING)
            connection.commit()
        threads = [
            threading.Thread(target=_stage_symbols, args=(connection, left, failures))
            for connection in open_ones
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
    finally:
        for connection in open_ones:
            connection.close()
    if failures:
        raise failures[0]
    return seconds


def _stage_symbols(
    connection: psycopg2.extensions.connection,
    left: list[tuple[str, list[bytes]]],
    failures: list[BaseException],
) -> None:
    """Takes symbols until none is left; a list's pop is safe between threads."""
    try:
        while not failures:
            try:
                symbol, contents = left.pop()
            except IndexError:
                return
            for content in contents:
                with connection, connection.cursor() as cursor:
                    cursor.copy_expert("COPY staged FROM STDIN (FORMAT csv)", io.BytesIO(content))
                    cursor.execute(_CONVERT, (symbol,))
    except Exception as error:
        failures.append(error)


def convert(symbol: str, content: bytes) -> Iterator[tuple[str, ...]]:
    """Rows of a file as the table has them: columns as text, times in UTC."""
    for row in csv.reader(io.StringIO(content.decode())):
        yield (symbol, _moment(row[0]), *row[1:6], _moment(row[6]), *row[7:11], "archive")


def _moment(digits: str) -> str:
    at = int(digits)
    micros = at if at > _MOST_MS else at * 1000
    return (_EPOCH + timedelta(microseconds=micros)).isoformat()


def copy_raw(url: str, files: Files) -> float:
    """Seconds that COPY of converted rows takes, one transaction a file; conversion is free."""
    seconds = 0.0
    connection = psycopg2.connect(url)
    try:
        for symbol, content in files:
            text = "".join("\t".join(row) + "\n" for row in convert(symbol, content))
            began = time.monotonic()
            with connection, connection.cursor() as cursor:
                cursor.copy_expert(_COPY, io.StringIO(text))
            seconds += time.monotonic() - began
    finally:
        connection.close()
    return seconds


Insert = Callable[["psycopg2.extensions.cursor", Sequence[tuple[str, ...]]], None]


def insert_pages(cursor: psycopg2.extensions.cursor, rows: Sequence[tuple[str, ...]]) -> None:
    """The library's own fast way."""
    execute_values(cursor, _VALUES, rows, page_size=_PAGE)


def insert_each(cursor: psycopg2.extensions.cursor, rows: Sequence[tuple[str, ...]]) -> None:
    """A statement a row."""
    for row in rows:
        cursor.execute(_ROW, row)


def insert_sample(url: str, files: Files, insert: Insert, most_s: float) -> tuple[int, float]:
    """Inserts a thousand rows a transaction until time is up; conversion is free.

    Returns:
        Rows, and seconds.
    """
    rows, seconds = 0, 0.0
    connection = psycopg2.connect(url)
    try:
        for page in _pages(files):
            began = time.monotonic()
            with connection, connection.cursor() as cursor:
                insert(cursor, page)
            seconds += time.monotonic() - began
            rows += len(page)
            if seconds > most_s:
                break
    finally:
        connection.close()
    return rows, seconds


def _pages(files: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, ...]]]:
    for symbol, content in files:
        rows = list(convert(symbol, content))
        for at in range(0, len(rows), _PAGE):
            yield rows[at : at + _PAGE]
