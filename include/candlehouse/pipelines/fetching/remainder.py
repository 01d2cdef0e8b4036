"""Ranges that a round of fetching has left open, to be planned once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Series, Span


@dataclass(frozen=True, slots=True)
class Remainder:
    """Ranges that a round of fetching has left open.

    Attributes:
        spans: per series, the ranges that the archive did not bring completely.
        lacking: those of them whose files were loaded and lack candles.
        closed: whether the archive is out of reach.
    """

    spans: Mapping[Series, Sequence[Span]] = field(default_factory=dict)
    lacking: Mapping[Series, Sequence[Span]] = field(default_factory=dict)
    closed: bool = False

    def with_more(self, spans: Mapping[Series, Sequence[Span]]) -> Remainder:
        """A copy with additional open ranges; overlapping ranges are merged."""
        both = {
            series: merge_spans([*self.spans.get(series, ()), *spans.get(series, ())])
            for series in {*self.spans, *spans}
        }
        return replace(self, spans=both)
