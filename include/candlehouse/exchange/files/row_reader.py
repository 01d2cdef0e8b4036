"""Reads a candle file row by row: every row is stored, or refused with a reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from candlehouse.core.candles.candle_rows import (
    UNKNOWN,
    CandleRows,
    join_columns,
    make_line,
    match_values,
)
from candlehouse.core.candles.pages import CheckedPage, RejectedRow
from candlehouse.core.candles.published_rows import join_items
from candlehouse.core.importing.spacing import describe_length
from candlehouse.core.model import Series, Source, Span
from candlehouse.core.rules import DUPLICATE_OPEN_TIME, NO_CANDLE, NOT_CLOSED, OTHER_SYMBOL
from candlehouse.core.timeframe import EPOCH, from_ms, to_ms
from candlehouse.exchange.files.cells import (
    has_decimal_comma,
    read_count,
    read_milliseconds,
    read_number,
)
from candlehouse.exchange.files.columns import Layout
from candlehouse.exchange.files.file_content import Content, find_span, require_spacing
from candlehouse.exchange.files.tables import Row

_TIMES = ("open_time", "close_time")
_SHOWN = 60


class RowReader:
    """Reads the rows of one file; for one call of `read`.

    Args:
        series: of the candles.
        source: recorded as the source of the candles.
        layout: the meaning of the columns.
        now: the exchange's time; rows that had not closed by then are refused.
    """

    def __init__(self, series: Series, source: Source, layout: Layout, now: datetime) -> None:
        self._series = series
        self._source = source
        self._layout = layout
        self._is_whole = layout.is_whole
        self._length_ms = series.timeframe.length_ms
        self._last_ms = to_ms(now - series.timeframe.length)
        self._decimal_comma = False
        # The lengths of candles according to their close times.
        self._lengths_ms: set[int] = set()
        self._rejected: list[RejectedRow] = []
        self._problem: str | None = None

    def read(self, rows: Sequence[Row]) -> Content[CheckedPage]:
        """The candles in order of time; of several with one open time, the last row is kept.

        Raises:
            ValueError: when the times of the rows do not fit the timeframe.
        """
        self._decimal_comma = any(
            has_decimal_comma(cell.strip()) for row in rows for cell in row if "," in cell
        )
        kept: dict[int, tuple[str, Row]] = {}
        for row in rows:
            opens_ms = self._read_opens(row)
            line = None if opens_ms is None else self._to_line(row, opens_ms)
            if opens_ms is None or line is None:
                self._reject(row, NO_CANDLE, opens_ms)
                self._problem = self._problem or self._explain(row)
            elif self._is_of_another(row):
                self._reject(row, OTHER_SYMBOL, opens_ms)
            elif opens_ms > self._last_ms:
                self._reject(row, NOT_CLOSED, opens_ms)
            else:
                if opens_ms in kept:
                    self._reject(kept[opens_ms][1], DUPLICATE_OPEN_TIME, opens_ms)
                kept[opens_ms] = line, row
        return Content(self._to_page(kept), self._layout.left_out, self._problem)

    def _to_page(self, kept: dict[int, tuple[str, Row]]) -> CheckedPage:
        opens_ms = sorted(kept)
        self._require_opens(opens_ms)
        require_spacing(opens_ms, self._series)
        self._require_length()
        span = Span(EPOCH, EPOCH)
        if opens_ms:
            span = find_span(self._series, from_ms(opens_ms[0]), from_ms(opens_ms[-1]))
        rows = CandleRows.of_lines([kept[open_ms][0] for open_ms in opens_ms])
        return CheckedPage(self._series, span, self._source, rows, tuple(self._rejected))

    def _require_opens(self, opens_ms: Sequence[int]) -> None:
        """Rejects unnamed times of which none is on the grid: they may be close times."""
        length_ms = self._length_ms
        if self._layout.says_open or len(opens_ms) < 2 or any(not o % length_ms for o in opens_ms):
            return
        first = from_ms(opens_ms[0]).isoformat()
        raise ValueError(f"no {self._series.timeframe} candle opens at its times, such as {first}")

    def _require_length(self) -> None:
        """Rejects a file whose close times show a longer timeframe; shorter ones were cut short."""
        if len(self._lengths_ms) != 1:
            return
        (found,) = self._lengths_ms
        if found > self._length_ms and found % self._length_ms == 0:
            length = describe_length(found)
            raise ValueError(f"its candles are {length} long, not {self._series.timeframe}")

    def _read_opens(self, row: Row) -> int | None:
        """The open time of a row, also of a row with a wrong number of columns."""
        place = self._layout.places["open_time"]
        if place is None or place >= len(row):
            return None
        return read_milliseconds(row[place].strip())

    def _to_line(self, row: Row, opens_ms: int) -> str | None:
        """The row as a line of `CandleRows`."""
        if len(row) != self._layout.width:
            return None
        cells = {
            column: None if place is None else row[place]
            for column, place in self._layout.places.items()
        }
        cells["open_time"] = str(opens_ms)
        cells["close_time"] = closes = self._read_closes(cells["close_time"], opens_ms)
        if closes is None:
            return None
        line = self._join(cells.values())
        if line is None:
            line = self._join([self._clean(column, cell) for column, cell in cells.items()])
        return line

    def _join(self, cells: Collection[str | None]) -> str | None:
        values = join_columns(["0" if cell is None else cell for cell in cells])
        if not match_values(values):
            return None
        if not self._is_whole:
            values = join_columns([UNKNOWN if cell is None else cell for cell in cells])
        return make_line(self._series.symbol, values)

    def _clean(self, column: str, cell: str | None) -> str | None:
        if cell is None or column in _TIMES:
            return cell
        text = cell.strip()
        is_count = column == "trades"
        number = read_count(text) if is_count else read_number(text, self._decimal_comma)
        # A text that is not a number does not match the pattern of a line either.
        return cell or "?" if number is None else number

    def _read_closes(self, cell: str | None, opens_ms: int) -> str | None:
        """The close time in milliseconds; the usual one for a missing or truncated time.

        A time is truncated when it is the usual one in whole seconds.
        """
        usual = opens_ms + self._length_ms - 1
        closes_ms = usual if cell is None else read_milliseconds(cell.strip())
        if closes_ms is None:
            return None
        closes_ms = usual if closes_ms == usual // 1000 * 1000 else closes_ms
        self._lengths_ms.add(closes_ms + 1 - opens_ms)
        return str(closes_ms)

    def _is_of_another(self, row: Row) -> bool:
        place = self._layout.symbol
        if place is None or row[place] == self._series.symbol:
            return False
        return row[place].strip().replace("/", "").replace("-", "") != self._series.symbol

    def _reject(self, row: Row, rule: str, opens_ms: int | None) -> None:
        # PostgreSQL cannot store the character U+0000 in text.
        raw = join_items(row).replace("\x00", "\N{REPLACEMENT CHARACTER}")
        opens = None if opens_ms is None else from_ms(opens_ms)
        self._rejected.append(RejectedRow(raw, rule, opens))

    def _explain(self, row: Row) -> str:
        """Why a row is not a candle."""
        if len(row) != self._layout.width:
            return f"a row has {len(row)} columns instead of {self._layout.width}"
        for column, place in self._layout.places.items():
            cell = "" if place is None else row[place].strip()
            if column in _TIMES:
                understood: object = read_milliseconds(cell)
            elif column == "trades":
                understood = read_count(cell)
            else:
                understood = read_number(cell, self._decimal_comma)
            if place is not None and understood is None:
                return f"{column} {cell[:_SHOWN]!r} is not understood"
        return "a number is too long"
