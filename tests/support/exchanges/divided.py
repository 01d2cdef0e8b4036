"""Sources that disagree: each has its own random version of every candle."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime

from candlehouse.core.candles.candle_rows import CandleRows
from candlehouse.core.candles.pages import CheckedPage
from candlehouse.core.model import Series, Source, Span
from support.exchanges.model_exchange import ModelExchange

LACKS, DIFFERS = 0.04, 0.12
# Of a line: what is changed, and to what, for a first and a second other version. All stay
# candles: prices in order, no more taken than traded.
_OTHER = {
    2: ("{low}.75000000", "{low}.80000000"),
    3: ("9999.00000000", "9998.00000000"),
    4: ("{low}.25000000", "{low}.10000000"),
    5: ("{low}.75000000", "{low}.80000000"),
    6: ("4242.00000000", "4242.00000001"),
    7: ("{close_ms}1", "{close_ms}2"),
    8: ("0.10000000", "0.20000000"),
    9: ("7777777", "8888888"),
    10: ("0.00000001", "0.000000001"),
    11: ("0.00000001", "0.00000002"),
}


@dataclass
class Divided(ModelExchange):
    """The candles of one source: lines by series and slot."""

    says: dict[Series, dict[datetime, str]] = field(default_factory=dict)

    def slots(self, series: Series, span: Span) -> list[datetime]:
        return [slot for slot in sorted(self.says[series]) if span.start <= slot < span.end]

    def row(self, series: Series, slot: datetime) -> str:
        return self.says[series][slot]

    def page(self, series: Series, span: Span, source: Source) -> CheckedPage:
        """An answer for all of a range."""
        slots = self.slots(series, span)
        rows = "".join(self.row(series, slot) for slot in slots)
        return CheckedPage(series, span, source, CandleRows(rows))


def divide(
    rng: random.Random, truth: ModelExchange, spans: dict[Series, Span]
) -> dict[Source, Divided]:
    """The versions of all sources of the candles in `spans`; most of them are true."""
    sides = {source: Divided(truth.now, truth.listed) for source in Source}
    for series, span in spans.items():
        for side in sides.values():
            side.says[series] = {}
        for slot in ModelExchange.slots(truth, series, span):
            column = rng.choice(sorted(_OTHER))
            for side in sides.values():
                if rng.random() < LACKS:
                    continue
                line = truth.row(series, slot)
                if rng.random() < DIFFERS:
                    line = change(line, column, rng.randrange(2))
                side.says[series][slot] = line
    return sides


def change(line: str, column: int, version: int) -> str:
    """The line with one other value; `version` is 0 or 1."""
    cells = line.rstrip("\n").split("\t")
    low = int(cells[4].partition(".")[0])
    # A millisecond more is another time to close at.
    close_ms = cells[7][:-1]
    cells[column] = _OTHER[column][version].format(low=low, close_ms=close_ms)
    return "\t".join(cells) + "\n"
