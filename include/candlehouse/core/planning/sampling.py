"""Asks REST about a sample of symbols for candles that the files of many symbols lack.

During an exchange outage the files of all symbols lack the same candles. Asking REST about each
symbol costs one request per symbol; asking about `WITNESSES_NEEDED` of them is enough evidence
for a verdict. The others are asked only where one of the sample has candles after all.
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
class SampledRange:
    """One range that the files of many series of one timeframe lack.

    Attributes:
        span: half-open, on the slot grid.
        asked: the sample: `WITNESSES_NEEDED` series that REST is asked about.
        skipped: the other series.
    """

    span: Span
    asked: tuple[Series, ...]
    skipped: tuple[Series, ...]


def plan_sampling(lacking: Mapping[Series, Sequence[Span]]) -> list[SampledRange]:
    """The ranges that more series lack than need to be asked, in order of time.

    The sample is the first series by symbol, the same for every range, so that nearby ranges share
    a
    request.

    Args:
        lacking: per series the ranges that its loaded files do not have; sorted, disjoint, on the
            slot grid.
    """
    by_timeframe: dict[Timeframe, dict[Series, Sequence[Span]]] = defaultdict(dict)
    for series, spans in lacking.items():
        by_timeframe[series.timeframe][series] = spans
    found = []
    for group in by_timeframe.values():
        for span, lackers in _segments(group):
            if len(lackers) > WITNESSES_NEEDED:
                asked, skipped = lackers[:WITNESSES_NEEDED], lackers[WITNESSES_NEEDED:]
                found.append(SampledRange(span, tuple(asked), tuple(skipped)))
    return sorted(found, key=lambda sample: sample.span)


def skipped_spans(sampled: Iterable[SampledRange]) -> dict[Series, list[Span]]:
    """Per series the ranges about which REST is not asked; sorted and disjoint."""
    skipped: dict[Series, list[Span]] = defaultdict(list)
    for sample in sampled:
        for series in sample.skipped:
            skipped[series].append(sample.span)
    return {series: merge_spans(spans) for series, spans in skipped.items()}


def find_contradicted(
    sampled: Iterable[SampledRange], answered: Mapping[Series, Sequence[Span]]
) -> dict[Series, list[Span]]:
    """Per skipped series the ranges about which REST must be asked after all.

    Args:
        sampled: the planned samples.
        answered: per series of the sample the ranges in which it has candles, and those for
            which its request failed.
    """
    contradicted: dict[Series, list[Span]] = defaultdict(list)
    for sample in sampled:
        found = merge_spans(span for series in sample.asked for span in answered.get(series, ()))
        for span in intersect_spans([sample.span], found):
            for series in sample.skipped:
                contradicted[series].append(span)
    return {series: merge_spans(spans) for series, spans in contradicted.items()}


def _segments(lacking: Mapping[Series, Sequence[Span]]) -> list[tuple[Span, list[Series]]]:
    """Splits the time line at all borders: each segment with the series that lack it, by symbol."""
    borders = sorted({border for spans in lacking.values() for span in spans for border in span})
    at = {border: index for index, border in enumerate(borders)}
    lackers: dict[int, list[Series]] = defaultdict(list)
    for series in sorted(lacking, key=lambda series: series.symbol):
        for span in lacking[series]:
            for index in range(at[span.start], at[span.end]):
                lackers[index].append(series)
    return [(Span(borders[index], borders[index + 1]), lackers[index]) for index in sorted(lackers)]
