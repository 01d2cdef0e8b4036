"""What a run did, in sentences for logs and terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

from candlehouse.core.model import Series, Span, Verdict
from candlehouse.core.months import month_of
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.collecting.collect_run import ScopePlan
from candlehouse.pipelines.fetching.collect_options import CollectReport
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.pipelines.maintenance import MaintenanceReport
from candlehouse.pipelines.universe.refresh import RefreshReport
from candlehouse.storage.truth.agreement import Total

# So many symbols are named one by one.
_NAMED = 3
_MEMBERS_NAMED = 10


def tell_symbols(symbols: Sequence[str]) -> str:
    """`BTCUSDT, ETHUSDT and 11 more`."""
    if len(symbols) <= _NAMED:
        return ", ".join(symbols)
    return f"{', '.join(symbols[: _NAMED - 1])} and {len(symbols) - _NAMED + 1} more"


def tell_span(span: Span) -> str:
    """`2024-01` for a calendar month in UTC, else both of its ends."""
    start, end = span
    # 31 days on from the first of a month lies in the next one.
    if start == month_of(start) and end == month_of(start + timedelta(days=31)):
        return f"{start:%Y-%m}"
    return f"{_tell_moment(start)} to {_tell_moment(end)}"


def tell_asked(asked: Mapping[Series, Span]) -> str:
    """Symbols, timeframes and the range that holds all of their ranges."""
    if not asked:
        return "nothing"
    symbols = sorted({series.symbol for series in asked})
    found = {series.timeframe for series in asked}
    timeframes = ", ".join(t.value for t in Timeframe if t in found)
    starts, ends = zip(*asked.values(), strict=True)
    return f"{tell_symbols(symbols)}; {timeframes}; {tell_span(Span(min(starts), max(ends)))}"


def tell_plan(plan: ScopePlan) -> str:
    """What a plan would fetch, and what that costs."""
    cost = plan.cost
    return (
        f"up to {cost.candles:,} candles from {cost.files:,} files and {cost.requests:,} requests"
        f" (weight {cost.weight:,}), about {cost.seconds:,.1f} s; {plan.due_files:,} files to be"
        " looked at again"
    )


def tell_collected(report: CollectReport) -> str:
    """What a collection did: how much came, and from where."""
    written = report.written
    return (
        f"{written.inserted:,} candles stored from {report.files:,} files and"
        f" {report.requests:,} requests (weight {report.weight:,}) in {report.seconds:,.1f} s,"
        f" {written.corrected:,} corrected, {written.refused:,} refused,"
        f" {written.quarantined:,} quarantined"
    )


def tell_verdicts(report: JudgeReport) -> str:
    """Why candles are missing: how many for each reason."""
    counts = {
        verdict: report.verdicts[verdict] for verdict in Verdict if verdict in report.verdicts
    }
    told = ", ".join(f"{count:,} {verdict.value}" for verdict, count in counts.items() if count)
    return told or "none"


def tell_total(total: Total) -> str:
    """How one source agrees with what was stored from one source."""
    stored, source = total.stored_from, total.source.value
    return (
        f"stored from {'nowhere' if stored is None else stored.value}, compared with {source}:"
        f" {total.compared:,} candles, {total.differing:,} differ; {source} lacks"
        f" {total.held_only:,} more"
    )


def tell_refresh(report: RefreshReport) -> str:
    """What a refresh of the universe did."""
    snapshot = report.snapshot
    parts = [f"{len(snapshot.members)} pairs by {snapshot.source}"]
    parts += [
        f"{verb}: {', '.join(symbols) if len(symbols) <= _MEMBERS_NAMED else len(symbols)}"
        for verb, symbols in (
            ("joined", report.joined),
            ("left", report.left),
            ("trade again after long", tuple(one.symbol for one in report.returned)),
        )
        if symbols
    ]
    return "; ".join(parts)


def tell_maintenance(report: MaintenanceReport) -> str:
    """What the upkeep of the tables did."""
    parts = [f"{len(report.converted_chunks):,} chunks converted to the columnstore"]
    parts += [
        f"{timeframe} dropped before {_tell_moment(before)}"
        for timeframe, before in report.dropped_before.items()
    ]
    return "; ".join(parts)


def _tell_moment(moment: datetime) -> str:
    midnight = moment.timetz().replace(tzinfo=None) == time()
    return f"{moment:%Y-%m-%d}" if midnight else f"{moment:%Y-%m-%d %H:%M}"
