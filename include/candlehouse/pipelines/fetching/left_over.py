"""What a round of fetching left open, to be planned once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from candlehouse.core.gaps import merge_spans
from candlehouse.core.model import Series, Span


@dataclass(frozen=True, slots=True)
class Left:
    """What a round of fetching left open.

    Attributes:
        spans: of each series, of which the archive did not bring all.
        lacking: those of them that files were loaded for and do not have whole.
        closed: whether the archive is out of reach.
    """

    spans: Mapping[Series, Sequence[Span]] = field(default_factory=dict)
    lacking: Mapping[Series, Sequence[Span]] = field(default_factory=dict)
    closed: bool = False

    def adding(self, spans: Mapping[Series, Sequence[Span]]) -> Left:
        """The same, and more ranges of which not all was brought."""
        both = {
            series: merge_spans([*self.spans.get(series, ()), *spans.get(series, ())])
            for series in {*self.spans, *spans}
        }
        return replace(self, spans=both)
