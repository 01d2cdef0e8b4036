"""Plans fetches: cuts pending ranges into the cheapest downloads and requests.

pending = asked - held - known absent

A published file costs a download and no request weight, and brings its whole day or month; a
REST page costs weight from the shared budget. So a file is used where enough of it is pending.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from candlehouse.core.gaps import clamp_span, count_slots, intersect_spans, subtract_spans
from candlehouse.core.model import Gap, Series, Source, Span, Verdict
from candlehouse.core.planning.published_files import ArchiveFile, Published, Tree, files_over
from candlehouse.core.planning.rest_facts import RestFacts

# Seconds per file for its two requests (zip and checksum): 60 ms each, 16 in parallel.
FILE_S = 2 * 0.060 / 16
# Seconds to store one candle with all columns, measured on two cores of an AMD EPYC.
_STORE_FILE_S = 6e-6
_STORE_REST_S = 13e-6
# Compressed bytes per candle in transit: in a zip (48 to 51 for BTCUSDT 1m) and in an answer.
_FILE_BYTES = 50
_REST_BYTES = 60


# A candle may still change for a moment after its close, and a request costs the same for one
# candle as for a full page, so a fetch of the newest candles includes this many older slots.
SETTLING_SLOTS = 3


@dataclass(frozen=True, slots=True)
class Fetch:
    """One REST request or one file: the candles of `series` that open in `span`.

    Attributes:
        span: half-open, on the slot grid.
        file: the published file to download, None for a REST page.
    """

    series: Series
    span: Span
    source: Source
    file: ArchiveFile | None = None


@dataclass(frozen=True, slots=True)
class PlanCost:
    """An estimate, for people, of what a plan costs.

    Attributes:
        requests: REST requests.
        weight: request weight of these requests.
        candles: at most, when no candle is missing.
        files: to download, each with its checksum.
        seconds: duration when files, requests and storing run in parallel.
        bytes: to transfer.
    """

    requests: int = 0
    weight: int = 0
    candles: int = 0
    files: int = 0
    seconds: float = 0.0
    bytes: int = 0


def find_pending(
    asked: Span, held: Sequence[Span], gaps: Iterable[Gap], now: datetime
) -> list[Span]:
    """The ranges to fetch: asked for, not held, and not known to be absent.

    Args:
        asked: the requested range.
        held: ranges that are stored.
        gaps: known gaps; one with a verdict whose next check is due at `now` counts as unknown.
        now: the exchange's time.

    Returns:
        Sorted, disjoint ranges.
    """
    absent = [
        gap.span
        for gap in gaps
        if gap.verdict is not Verdict.PENDING
        and (gap.next_check_at is None or gap.next_check_at > now)
    ]
    return subtract_spans([asked], [*held, *absent])


def plan_fetches(
    series: Series,
    pending: Sequence[Span],
    fetchable: Span,
    page_slots: int,
    rest: RestFacts,
    published: Published | None = None,
    settling: Span | None = None,
) -> list[Fetch]:
    """Files for whole months and days where they are cheapest, REST pages for the rest.

    Args:
        series: whose candles.
        pending: sorted, disjoint, on the slot grid.
        fetchable: the range that may be requested at all; candles of a file outside it are ignored.
        page_slots: highest number of candles per page.
        rest: facts of the REST API, with whose cost that of files is compared.
        published: the available files; None for no files at all.
        settling: as in `plan_pages`.

    Returns:
        Files in order of time, then pages.
    """
    files: list[Fetch] = []
    open_spans = list(pending)
    for tree in Tree:
        chosen = [
            file
            for file, slots in _count_by_file(series, tree, open_spans).items()
            if published is not None
            and _pays(file, slots, rest)
            and published.may_help(file, slots)
        ]
        files += [
            Fetch(series, span, Source.ARCHIVE, file)
            for file in chosen
            if (span := clamp_span(file.span, fetchable))
        ]
        open_spans = subtract_spans(open_spans, [file.span for file in chosen])
    files.sort(key=lambda fetch: fetch.span)
    fetches = list(files)
    # No page reaches across a file: it would fetch the same candles again.
    for room in subtract_spans([fetchable], [fetch.span for fetch in files]):
        run = intersect_spans(open_spans, [room])
        fetches += plan_pages(series, run, page_slots, settling and clamp_span(settling, room))
    return fetches


def _count_by_file(series: Series, tree: Tree, spans: Sequence[Span]) -> dict[ArchiveFile, int]:
    """How many slots of `spans` lie in each file of a tree, files in ascending order."""
    counts: dict[ArchiveFile, int] = defaultdict(int)
    for span in spans:
        for file in files_over(series, tree, span):
            part = clamp_span(span, file.span)
            counts[file] += count_slots([part], series.timeframe) if part else 0
    return counts


def _pays(file: ArchiveFile, slots: int, rest: RestFacts) -> bool:
    """Whether a file is cheaper than fetching its `slots` pending candles by REST."""
    by_file = FILE_S + file.slots * _STORE_FILE_S
    page_s = rest.page_weight / rest.usual_weight_per_s
    by_pages = slots * (page_s / rest.page_slots + _STORE_REST_S)
    return by_file < by_pages


def plan_pages(
    series: Series, pending: Sequence[Span], page_slots: int, settling: Span | None = None
) -> list[Fetch]:
    """The fewest REST pages that cover every pending slot, oldest first.

    Ranges that fit into one page are fetched together: stored candles between them cost nothing
    more.

    Args:
        series: whose candles.
        pending: sorted, disjoint, on the slot grid.
        page_slots: highest number of candles per page.
        settling: a range that ends where the newest candle ends. A page that also ends there is
            extended backwards by up to `SETTLING_SLOTS`, within `settling` and without overlapping
            another page. None for no extension.
    """
    length = series.timeframe.length
    pages: list[Span] = []
    for span in pending:
        start = span.start
        if pages and span.start < pages[-1].start + page_slots * length:
            end = min(span.end, pages[-1].start + page_slots * length)
            pages[-1] = Span(pages[-1].start, end)
            start = end
        while start < span.end:
            end = min(span.end, start + page_slots * length)
            pages.append(Span(start, end))
            start = end
    if settling is not None and pages and pages[-1].end == settling.end:
        floor = pages[-2].end if len(pages) > 1 else settling.start
        pages[-1] = _reach_back(pages[-1], max(floor, settling.start), length, page_slots)
    return [Fetch(series, span, Source.REST) for span in pages]


def _reach_back(page: Span, floor: datetime, length: timedelta, page_slots: int) -> Span:
    room = page_slots - (page.end - page.start) // length
    back = min(SETTLING_SLOTS, room)
    return Span(max(floor, page.start - back * length), page.end)


def plan_cost(
    fetches: Iterable[Fetch], rest: RestFacts, weight_per_s: float | None = None
) -> PlanCost:
    """A lower bound of what carrying out `fetches` takes.

    Args:
        fetches: of any series.
        rest: facts of the REST API.
        weight_per_s: request weight per second for all processes together; None for the usual one.
    """
    listed = list(fetches)
    files = sum(fetch.file is not None for fetch in listed)
    weight = rest.page_weight * (len(listed) - files)
    of_files = sum(fetch.file.slots for fetch in listed if fetch.file is not None)
    slots = [count_slots([fetch.span], fetch.series.timeframe) for fetch in listed]
    of_pages = sum(count for fetch, count in zip(listed, slots, strict=True) if fetch.file is None)
    storing_s = of_files * _STORE_FILE_S + of_pages * _STORE_REST_S
    return PlanCost(
        requests=len(listed) - files,
        weight=weight,
        candles=sum(slots),
        files=files,
        seconds=max(weight / (weight_per_s or rest.usual_weight_per_s), files * FILE_S, storing_s),
        bytes=of_files * _FILE_BYTES + of_pages * _REST_BYTES,
    )


def interleave(plans: Mapping[Series, Sequence[Fetch]]) -> list[Fetch]:
    """All fetches round-robin: the first of each series, then the second of each, and so on.

    No series waits for another's whole history, and a batch of the writer spreads over many series
    instead of holding the locks of one series for long.
    """
    queues = [list(plans[series]) for series in sorted(plans, key=_series_key)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[at] for at in range(longest) for queue in queues if at < len(queue)]


def _series_key(series: Series) -> tuple[str, str]:
    return series.symbol, series.timeframe.value
