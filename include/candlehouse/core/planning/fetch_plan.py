"""What to ask for, and what it costs: pending ranges cut into the cheapest fetches.

pending = asked - held - known absent

A published file costs a download and no weight, but brings all of its day or month; a REST
page costs weight that everybody shares. So a file is taken where enough of it is pending.
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

# Seconds of one file's two requests (zip and checksum), 16 under way at 60 ms each.
FILE_S = 2 * 0.060 / 16
# Seconds that storing takes, a candle: measured on two cores of an AMD EPYC, all columns.
_STORE_FILE_S = 6e-6
_STORE_REST_S = 13e-6
# Bytes a candle on the way: a zip's (48 to 51 in BTCUSDT's, 1m), and an answer's, compressed.
_FILE_BYTES = 50
_REST_BYTES = 60

# A candle may still move for a moment after it closed, and a request costs the same for one
# candle as for a full page: so a fetch of the newest candles looks at these again.
SETTLING_SLOTS = 3


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request, or one file: the candles of `series` that open in `span`.

    Attributes:
        file: that they are in, None for a REST page.
    """

    series: Series
    span: Span
    source: Source
    file: ArchiveFile | None = None


@dataclass(frozen=True, slots=True)
class PlanCost:
    """What a plan costs before it is carried out: an estimate, for people.

    Attributes:
        files: to download, each with its checksum.
        requests: of REST.
        weight: of these requests.
        candles: at the most.
        seconds: files and requests go side by side, and so does storing what they bring.
        bytes: on the way.
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

    A verdict whose next check is due at `now` (the exchange's time) no longer counts
    as known.
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
        fetchable: what may be asked for at all: of a file no more than this is taken.
        page_slots: candles a page may bring.
        rest: facts of the REST API, which a file has to be cheaper than.
        published: the files that may be had; None for none at all.
        settling: as in `plan_pages`.
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
    # No page reaches across a file: it would bring what that one brings.
    for room in subtract_spans([fetchable], [fetch.span for fetch in files]):
        run = intersect_spans(open_spans, [room])
        fetches += plan_pages(series, run, page_slots, settling and clamp_span(settling, room))
    return fetches


def _count_by_file(series: Series, tree: Tree, spans: Sequence[Span]) -> dict[ArchiveFile, int]:
    """How many slots of `spans` each file of a tree has, files ascending."""
    counts: dict[ArchiveFile, int] = defaultdict(int)
    for span in spans:
        for file in files_over(series, tree, span):
            part = clamp_span(span, file.span)
            counts[file] += count_slots([part], series.timeframe) if part else 0
    return counts


def _pays(file: ArchiveFile, slots: int, rest: RestFacts) -> bool:
    """Whether a file is cheaper than asking REST for the `slots` in it that are pending."""
    by_file = FILE_S + file.slots * _STORE_FILE_S
    page_s = rest.page_weight / rest.usual_weight_per_s
    by_pages = slots * (page_s / rest.page_slots + _STORE_REST_S)
    return by_file < by_pages


def plan_pages(
    series: Series, pending: Sequence[Span], page_slots: int, settling: Span | None = None
) -> list[Fetch]:
    """The fewest REST pages that cover every pending slot, oldest first.

    Ranges that fit one page together are asked for together: what is held between them
    costs nothing more.

    Args:
        series: whose candles.
        pending: sorted, disjoint, on the slot grid.
        page_slots: candles a page may bring.
        settling: a range that ends where the newest candle ends; a page that ends there
            reaches back `SETTLING_SLOTS` more, as far as this range goes and no other
            page does.
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
    """What carrying out `fetches` takes, at the least.

    Args:
        fetches: of any series.
        rest: facts of the REST API.
        weight_per_s: that all processes together may use; None for what is usual.
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
    """All fetches, the first of each series before the second of any.

    No series waits for another's whole history, and a writer's batch spreads over many
    series instead of holding one for long.
    """
    queues = [list(plans[series]) for series in sorted(plans, key=_series_key)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[at] for at in range(longest) for queue in queues if at < len(queue)]


def _series_key(series: Series) -> tuple[str, str]:
    return series.symbol, series.timeframe.value
