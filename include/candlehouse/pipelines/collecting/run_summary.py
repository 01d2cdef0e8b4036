"""Describes plans and reports of runs, in one line each, for logs and terminals."""

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


def describe_symbols(symbols: Sequence[str]) -> str:
    """`BTCUSDT, ETHUSDT and 11 more`."""
    if len(symbols) <= _NAMED:
        return ", ".join(symbols)
    return f"{', '.join(symbols[: _NAMED - 1])} and {len(symbols) - _NAMED + 1} more"


def describe_span(span: Span) -> str:
    """`2024-01` for a calendar month in UTC, else both of its ends."""
    start, end = span
    # 31 days on from the first of a month lies in the next one.
    if start == month_of(start) and end == month_of(start + timedelta(days=31)):
        return f"{start:%Y-%m}"
    return f"{_describe_moment(start)} to {_describe_moment(end)}"


def describe_requested(requested: Mapping[Series, Span]) -> str:
    """Symbols, timeframes and the hull of the ranges; `nothing` without any."""
    if not requested:
        return "nothing"
    symbols = sorted({series.symbol for series in requested})
    found = {series.timeframe for series in requested}
    timeframes = ", ".join(t.value for t in Timeframe if t in found)
    starts, ends = zip(*requested.values(), strict=True)
    return (
        f"{describe_symbols(symbols)}; {timeframes}; {describe_span(Span(min(starts), max(ends)))}"
    )


def describe_plan(plan: ScopePlan) -> str:
    """What a plan would fetch, and what that costs."""
    cost = plan.cost
    return (
        f"up to {cost.candles:,} candles from {cost.files:,} files and {cost.requests:,} requests"
        f" (weight {cost.weight:,}), about {cost.seconds:,.1f} s; {plan.due_files:,} files to be"
        " checked again"
    )


def describe_collection(report: CollectReport) -> str:
    """What a collection did: how much came, and from where."""
    written = report.written
    return (
        f"{written.inserted:,} candles stored from {report.files:,} files and"
        f" {report.requests:,} requests (weight {report.weight:,}) in {report.seconds:,.1f} s,"
        f" {written.corrected:,} corrected, {written.refused:,} refused,"
        f" {written.quarantined:,} quarantined"
    )


def describe_verdicts(report: JudgeReport) -> str:
    """Number of missing candles per verdict, such as `24 exchange_outage`, or `none`."""
    counts = {
        verdict: report.verdicts[verdict] for verdict in Verdict if verdict in report.verdicts
    }
    parts = ", ".join(f"{count:,} {verdict.value}" for verdict, count in counts.items() if count)
    return parts or "none"


def describe_agreement(total: Total) -> str:
    """How far the candles of a source agree with those stored from one source."""
    stored, source = total.stored_from, total.source.value
    return (
        f"stored from {'nowhere' if stored is None else stored.value}, compared with {source}:"
        f" {total.compared:,} candles, {total.differing:,} differ; {source} lacks"
        f" {total.held_only:,} more"
    )


def describe_refresh(report: RefreshReport) -> str:
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


def describe_maintenance(report: MaintenanceReport) -> str:
    """What the upkeep of the tables did."""
    parts = [f"{len(report.converted_chunks):,} chunks converted to the columnstore"]
    parts += [
        f"{timeframe} dropped before {_describe_moment(before)}"
        for timeframe, before in report.dropped_before.items()
    ]
    return "; ".join(parts)


def _describe_moment(moment: datetime) -> str:
    midnight = moment.timetz().replace(tzinfo=None) == time()
    return f"{moment:%Y-%m-%d}" if midnight else f"{moment:%Y-%m-%d %H:%M}"
