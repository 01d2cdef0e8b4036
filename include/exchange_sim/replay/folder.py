"""The market of a folder: the candles of real files, without any made-up values."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from exchange_sim.klines.encode import Block
from exchange_sim.klines.instrument import Coin, Instrument, Stretch
from exchange_sim.klines.intervals import DAY_MS, FIXED_MS, INTERVALS, MONTH, slot_end, slot_start
from exchange_sim.klines.paging import Query, csv_of_pages, cut_page
from exchange_sim.replay.naming import SeriesName, UnclearName, series_of, split_symbol
from exchange_sim.replay.reading import FolderError, read_rows
from exchange_sim.replay.tradeless import PLACES, Tradeless

_SAMPLE = 400
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class _Held:
    """One series: its rows, and first and last open time of all that its files have.

    Rows of fewer than twelve columns count for the times and are not among the rows.
    """

    block: Block
    first_ms: int
    last_ms: int


def _gather(rows: dict[int, bytes | None]) -> _Held:
    full = {time: row for time, row in rows.items() if row is not None}
    times = np.array(sorted(full), dtype=np.int64)
    encoded = [full[time] for time in times.tolist()]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(row) + 1 for row in encoded], out=offsets[1:])
    block = Block(times, b"".join(row + b"," for row in encoded), offsets)
    return _Held(block, min(rows), max(rows))


def _read_folder(folder: Path) -> tuple[str, dict[SeriesName, _Held]]:
    """Return the hash of all candle files and the rows of every series.

    Where an open time occurs twice, the later row counts: a client that appends to its file
    writes the unfinished candle first.
    """
    digest = hashlib.sha256()
    rows: dict[SeriesName, dict[int, bytes | None]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        # The folder's own place counts too: one may serve BTCUSDT/1h itself.
        try:
            series = series_of(path)
        except UnclearName as error:
            raise FolderError(str(error)) from None
        if series is None:
            continue
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
        held = rows.setdefault(series, {})
        for open_ms, row in read_rows(name, data):
            if row is not None or held.get(open_ms) is None:
                held[open_ms] = row
    if not any(rows.values()):
        raise FolderError(f"{folder}: no candle files (SYMBOL-INTERVAL*.csv, .zip or .json)")
    held_series = {name: _gather(found) for name, found in rows.items() if found}
    return digest.hexdigest()[:_ID_DIGITS], held_series


class FolderMarket(Tradeless):
    """Serves exactly the rows of a folder's files, up to the clock.

    Args:
        folder: searched through and through; files that hold no candles are passed over.

    Raises:
        FolderError: there is nothing to serve, or a file cannot be read.
    """

    has_market_caps = False

    def __init__(self, folder: Path) -> None:
        digest, self._series = _read_folder(folder)
        self.market_id = f"folder-{digest}"
        self._symbols = sorted({name.symbol for name in self._series})
        self._decimals = {symbol: self._price_decimals(symbol) for symbol in self._symbols}
        self._spans = {symbol: self._span(symbol) for symbol in self._symbols}

    @property
    def end_ms(self) -> int:
        """The end of the newest candle: the default start of the clock."""
        ends = (last for _, last in self._spans.values())
        return max(ends, default=0)

    def instruments(self, now_ms: int) -> list[Instrument]:
        """Return every symbol that has begun by an instant, by name."""
        found = (self.instrument(symbol, now_ms) for symbol in self._symbols)
        return [item for item in found if item is not None]

    def instrument(self, symbol: str, now_ms: int) -> Instrument | None:
        """Return one symbol; BREAK if its last candle ended more than a day before."""
        span = self._spans.get(symbol)
        if span is None or span[0] > now_ms:
            return None
        base, quote = split_symbol(symbol)
        status = "BREAK" if now_ms - span[1] > DAY_MS else "TRADING"
        return Instrument(symbol, base, quote, status, self._decimals[symbol], PLACES)

    def coins(self, now_ms: int) -> Sequence[Coin]:
        """Return nothing: files of candles know no supply."""
        return ()

    def unserved(self, symbol: str, interval: str) -> str | None:
        """Return a reason where all there is has fewer than twelve columns."""
        held = self._series.get(SeriesName(symbol, interval))
        if held is None or len(held.block.times):
            return None
        return f"the files of {symbol} {interval} have fewer than 12 columns."

    def klines(self, query: Query, now_ms: int) -> bytes:
        """Return a page of the files' rows that are closed at ``now_ms``."""
        held = self._series.get(SeriesName(query.symbol, query.interval))
        if held is None:
            return b"[]"
        last = _last_closed(query.interval, now_ms)
        end = last if query.end_ms is None else min(query.end_ms, last)
        start = query.start_ms or 0
        parts, _ = cut_page([held.block], start, end, query.limit, query.newest_first)
        return b"[" + b",".join(parts) + b"]"

    def csv(
        self, symbol: str, interval: str, start_ms: int, end_ms: int, *, microseconds: bool
    ) -> bytes:
        """Return rows as a published file has them."""
        over_ms = slot_end(interval, end_ms)
        return csv_of_pages(
            lambda query: self.klines(query, over_ms),
            (symbol, interval), (start_ms, end_ms), microseconds=microseconds,
        )  # fmt: skip

    def last_price(self, symbol: str, now_ms: int) -> tuple[int, int]:
        """Return the close of the last closed row as (units of 1e-8, 8); 0 before any."""
        rows = self._finest(symbol, 0, now_ms, 1)
        return (_units(rows[-1][4]), PLACES) if rows else (0, PLACES)

    def stretch(self, symbol: str, start_ms: int, now_ms: int) -> Stretch | None:
        """Return the sum of the finest rows that open and close in ``[start_ms, now_ms)``."""
        rows = self._finest(symbol, start_ms, now_ms, 2000)
        if not rows:
            return None
        return Stretch(
            price_decimals=PLACES,
            lot_decimals=PLACES,
            quote_decimals=PLACES,
            open=_units(rows[0][1]),
            high=max(_units(row[2]) for row in rows),
            low=min(_units(row[3]) for row in rows),
            close=_units(rows[-1][4]),
            lots=sum(_units(row[5]) for row in rows),
            quote=sum(_units(row[7]) for row in rows),
            trades=sum(int(row[8]) for row in rows),
            taker=sum(_units(row[9]) for row in rows),
            taker_quote=sum(_units(row[10]) for row in rows),
        )

    def life(self, symbol: str, interval: str) -> tuple[int, int] | None:
        """Return the half-open stretch from the first row of a series to the end of its last."""
        held = self._series.get(SeriesName(symbol, interval))
        if held is None or len(held.block.times) == 0:
            return None
        return int(held.block.times[0]), slot_end(interval, int(held.block.times[-1]))

    def _finest(self, symbol: str, start_ms: int, now_ms: int, limit: int) -> list[list[int | str]]:
        """Return up to ``limit`` newest rows of the series that reaches furthest.

        Of several that end together the finest counts.
        """
        best: list[list[int | str]] = []
        best_end = 0
        for interval in INTERVALS:
            held = self._series.get(SeriesName(symbol, interval))
            if held is None:
                continue
            last = _last_closed(interval, now_ms)
            parts, count = cut_page([held.block], start_ms, last, limit, newest_first=True)
            if not count:
                continue
            page = b"[" + b",".join(parts) + b"]"
            rows = msgspec.json.decode(page, type=list[list[int | str]])
            end = slot_end(interval, int(rows[-1][0]))
            if end > best_end:
                best, best_end = rows, end
        return best

    def _span(self, symbol: str) -> tuple[int, int]:
        """Return first open and last end of a symbol over all its series."""
        spans = [
            (held.first_ms, slot_end(name.interval, held.last_ms))
            for name, held in self._series.items()
            if name.symbol == symbol
        ]
        return min(start for start, _ in spans), max(end for _, end in spans)

    def _price_decimals(self, symbol: str) -> int:
        """Return how many decimals the closes of a symbol use, from a sample."""
        most = 0
        for name, held in self._series.items():
            if name.symbol != symbol:
                continue
            count = len(held.block.times)
            for index in range(0, count, max(1, count // _SAMPLE)):
                close = msgspec.json.decode(held.block.slice(index, index + 1))[4]
                most = max(most, len(close.partition(".")[2].rstrip("0")))
        return min(most, PLACES)


def _last_closed(interval: str, now_ms: int) -> int:
    """Return the latest open time whose candle is over at ``now_ms``."""
    return slot_start(MONTH, now_ms) - 1 if interval == MONTH else now_ms - FIXED_MS[interval]


def _units(value: int | str) -> int:
    """Return a decimal in whole units of 1e-8; what lies beyond is cut."""
    return int(Decimal(str(value)).scaleb(PLACES))
