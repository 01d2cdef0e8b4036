"""Files of candles that somebody has: CSV, JSON or a zipped CSV, read into a page.

A file has the columns of the exchange, or time, prices and volume alone: what it does not
have stays unknown. Each row is either stored or refused with a reason.
"""

from __future__ import annotations

import csv
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from candlehouse.core.errors import UnreadableFile
from candlehouse.core.model import Page, RejectedRow, Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME, NO_CANDLE, NOT_CLOSED, OTHER_SYMBOL
from candlehouse.core.timeframe import EPOCH, to_ms
from candlehouse.exchange.archive.lines import read_time
from candlehouse.exchange.wire import KLINE_ITEMS, is_kline_line

# The exchange opened in 2017: an earlier time is one in seconds, or a mistake.
_EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
# COPY's sign for a value that is not known.
_UNKNOWN = r"\N"
# Names of the columns of a kline, in their order, as files have them in their headers.
_NAMES = (
    ("open_time", "timestamp", "date", "datetime", "time"),
    ("open",),
    ("high",),
    ("low",),
    ("close",),
    ("volume",),
    ("close_time",),
    ("quote_volume", "quote_av", "quote_asset_volume"),
    ("trades", "count", "number_of_trades"),
    ("taker_buy_volume", "tb_base_av", "taker_buy_base_asset_volume"),
    ("taker_buy_quote_volume", "tb_quote_av", "taker_buy_quote_asset_volume"),
)
_NEEDED = 6
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    RecursionError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # packed in a way that nobody uses
)
_SYMBOL_NAMES = ("symbol", "ticker")
Row: TypeAlias = list[str]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a row has what.

    Attributes:
        width: items of each row.
        places: of the columns of a kline: of all that are kept, or of the needed ones.
        symbol: of the column with the symbol, None without one.
    """

    width: int
    places: tuple[int, ...]
    symbol: int | None = None


def read_candle_file(path: Path, series: Series, source: Source, now: datetime) -> Page:
    """The candles of a file, in order of time.

    Of several rows with one open time the last is kept.

    Args:
        path: a file whose name ends in .csv, .json or .zip.
        series: that it is of.
        source: that its candles count as.
        now: the exchange's time; rows that had not closed then are refused.

    Returns:
        A page whose span reaches from the first candle to the last.

    Raises:
        UnreadableFile: when it is no file of candles, or cannot be the exchange's own.
    """
    try:
        rows, layout = _read_rows(path)
    except _UNREADABLE as error:
        raise UnreadableFile(f"{path}: {error}") from None
    if source is Source.ARCHIVE and len(layout.places) == _NEEDED:
        raise UnreadableFile(f"{path}: published files have {KLINE_ITEMS} columns, not these few")
    return _to_page(rows, layout, series, source, now)


def _read_rows(path: Path) -> tuple[list[Row], _Layout]:
    """All rows but the header.

    Raises:
        ValueError: when they cannot be told apart, or their columns cannot.
    """
    if path.suffix.lower() == ".json":
        rows = _read_json(path.read_bytes())
    else:
        data = _unzip(path) if path.suffix.lower() == ".zip" else path.read_bytes()
        text = data.decode("utf-8-sig", "replace")
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    if not rows:
        raise ValueError("has no rows")
    if rows[0][0][:1].isalpha():
        return rows[1:], _find_columns([_normalise(name) for name in rows[0]])
    return rows, _plain_columns(len(rows[0]))


def _unzip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise ValueError(f"holds {len(names)} files and not one")
        try:
            return archive.read(names[0])
        except RuntimeError as error:  # encrypted
            raise ValueError(error) from None


def _read_json(data: bytes) -> list[Row]:
    # Numbers stay the text that they are.
    payload = json.loads(data, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(payload, list) or not all(isinstance(row, list) and row for row in payload):
        raise ValueError("is no list of candles")
    return [[item if isinstance(item, str) else json.dumps(item) for item in r] for r in payload]


def _normalise(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _plain_columns(width: int) -> _Layout:
    if width not in (_NEEDED, KLINE_ITEMS):
        raise ValueError(f"has {width} columns and no header: {_NEEDED} or {KLINE_ITEMS} can be")
    return _Layout(width, tuple(range(min(width, len(_NAMES)))))


def _find_columns(header: Sequence[str]) -> _Layout:
    found = [next((header.index(n) for n in names if n in header), None) for names in _NAMES]
    places = tuple(place for place in found if place is not None)
    complete = len(places) == len(_NAMES)
    # Many columns of which some have other names must not pass for few.
    missing = _NAMES if len(header) >= KLINE_ITEMS else _NAMES[:_NEEDED]
    if not complete and None in found[: len(missing)]:
        names = [names[0] for names, at in zip(missing, found, strict=False) if at is None]
        raise ValueError(f"its header has no {', '.join(names)}")
    symbol = next((header.index(name) for name in _SYMBOL_NAMES if name in header), None)
    return _Layout(len(header), places if complete else places[:_NEEDED], symbol)


def _to_page(
    rows: Sequence[Row], layout: _Layout, series: Series, source: Source, now: datetime
) -> Page:
    kept: dict[datetime, tuple[str, Row]] = {}
    rejected: list[RejectedRow] = []
    for row in rows:
        opens = _read_moment(row[layout.places[0]]) if len(row) == layout.width else None
        line = None if opens is None else _to_line(row, opens, layout.places, series)
        if opens is None or line is None:
            rejected.append(_reject(row, NO_CANDLE, opens))
        elif layout.symbol is not None and row[layout.symbol] != series.symbol:
            rejected.append(_reject(row, OTHER_SYMBOL, opens))
        elif opens > now - series.timeframe.length:
            rejected.append(_reject(row, NOT_CLOSED, opens))
        else:
            if opens in kept:
                rejected.append(_reject(kept[opens][1], DUPLICATE_OPEN_TIME, opens))
            kept[opens] = line, row
    moments = sorted(kept)
    floor, length = series.timeframe.floor, series.timeframe.length
    span = Span(floor(moments[0]), floor(moments[-1]) + length) if moments else Span(EPOCH, EPOCH)
    lines = "".join([f"{kept[opens][0]}\n" for opens in moments])
    return Page(series, span, source, lines, len(moments), tuple(rejected))


def _reject(row: Row, rule: str, opens: datetime | None) -> RejectedRow:
    # PostgreSQL's text has no room for the character 0.
    raw = ",".join(row).replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return RejectedRow(raw, rule, opens)


def _read_moment(text: str) -> datetime | None:
    """Milliseconds, microseconds or an ISO date-time, which is UTC unless it says otherwise."""
    if text.isdigit():
        moment = read_time(text.encode("ascii", "replace"))
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return moment if moment is not None and moment >= _EARLIEST else None


def _to_line(row: Row, opens: datetime, places: Sequence[int], series: Series) -> str | None:
    """The row as a line of `Page.rows`; the convention's close time where it has none."""
    items = [row[place] for place in places]
    open_ms = to_ms(opens)
    items[0] = str(open_ms)
    if len(items) == _NEEDED:
        closes = str(open_ms + series.timeframe.length_ms - 1)
        checked = [*items, closes, *"0000"]
        items += [closes, *[_UNKNOWN] * 4]
    else:
        moment = _read_moment(items[_NEEDED])
        if moment is None:
            return None
        items[_NEEDED] = str(to_ms(moment))
        checked = items
    return "\t".join((series.symbol, *items)) if is_kline_line("\t".join(checked)) else None
