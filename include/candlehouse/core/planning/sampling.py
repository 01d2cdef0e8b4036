"""Asking a few symbols first about candles that the files of many lack.

When the exchange stood still every symbol's file lacks the same candles. Asking REST about
each of them costs a request a symbol; asking three is the evidence that a verdict takes,
and the others are asked only where one of these has something after all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from candlehouse.core.gaps import intersect_spans, merge_spans
from candlehouse.core.judging.verdict_rules import WITNESSES_NEEDED
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class Sounding:
    """One range that the files of many series of one timeframe lack.

    Attributes:
        span: on the slot grid.
        asked: the series that REST is asked about, `WITNESSES_NEEDED` of them.
        spared: the others.
    """

    span: Span
    asked: tuple[Series, ...]
    spared: tuple[Series, ...]


def plan_soundings(lacking: Mapping[Series, Sequence[Span]]) -> list[Sounding]:
    """The ranges that more series lack than need to be asked, in order of time.

    The first ones by name are asked: the same for every range, so that ranges near each
    other share a request.

    Args:
        lacking: of each series the ranges that files were loaded for and do not have;
            sorted, disjoint, on the slot grid.
    """
    by_timeframe: dict[Timeframe, dict[Series, Sequence[Span]]] = defaultdict(dict)
    for series, spans in lacking.items():
        by_timeframe[series.timeframe][series] = spans
    found = []
    for group in by_timeframe.values():
        for span, lackers in _segments(group):
            if len(lackers) > WITNESSES_NEEDED:
                asked, spared = lackers[:WITNESSES_NEEDED], lackers[WITNESSES_NEEDED:]
                found.append(Sounding(span, tuple(asked), tuple(spared)))
    return sorted(found, key=lambda sounding: sounding.span)


def spared_spans(soundings: Iterable[Sounding]) -> dict[Series, list[Span]]:
    """The ranges about which each series is not asked."""
    spared: dict[Series, list[Span]] = defaultdict(list)
    for sounding in soundings:
        for series in sounding.spared:
            spared[series].append(sounding.span)
    return {series: merge_spans(spans) for series, spans in spared.items()}


def find_contradicted(
    soundings: Iterable[Sounding], answered: Mapping[Series, Sequence[Span]]
) -> dict[Series, list[Span]]:
    """The ranges about which the spared series must be asked after all.

    Args:
        soundings: that were made.
        answered: of each series that was asked the ranges it has candles in, and those
            of which it could not be asked.
    """
    contradicted: dict[Series, list[Span]] = defaultdict(list)
    for sounding in soundings:
        heard = merge_spans(span for series in sounding.asked for span in answered.get(series, ()))
        for span in intersect_spans([sounding.span], heard):
            for series in sounding.spared:
                contradicted[series].append(span)
    return {series: merge_spans(spans) for series, spans in contradicted.items()}


def _segments(lacking: Mapping[Series, Sequence[Span]]) -> list[tuple[Span, list[Series]]]:
    """Every range between two borders of any, and the series that lack it, by name."""
    borders = sorted({border for spans in lacking.values() for span in spans for border in span})
    at = {border: index for index, border in enumerate(borders)}
    lackers: dict[int, list[Series]] = defaultdict(list)
    for series in sorted(lacking, key=lambda series: series.symbol):
        for span in lacking[series]:
            for index in range(at[span.start], at[span.end]):
                lackers[index].append(series)
    return [(Span(borders[index], borders[index + 1]), lackers[index]) for index in sorted(lackers)]
