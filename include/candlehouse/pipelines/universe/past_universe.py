"""Makes snapshots of the universe for months before the first one, and collects their members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.errors import CollectionIncomplete, ConfigurationError, UniverseEmpty
from candlehouse.core.months import month_before
from candlehouse.core.ports import MarketData
from candlehouse.core.universe.eligibility import find_kind
from candlehouse.core.universe.instruments import Instrument
from candlehouse.core.universe.list_completeness import require_complete_list
from candlehouse.core.universe.past_universe import (
    BACKFILLED,
    choose_months,
    find_unasked,
    rank_past,
)
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.universe.departed import end_departed
from candlehouse.pipelines.universe.file_lives import find_lives_in_files
from candlehouse.pipelines.universe.refresh import store_instruments, want_members
from candlehouse.pipelines.universe.sizing import Sizing
from candlehouse.pipelines.universe.volumes import count_pages, fetch_volumes
from candlehouse.pipelines.venue.wiring import open_archive, open_market_caps
from candlehouse.storage.universe.catalog import (
    Snapshot,
    select_instruments,
    select_members_ever,
)
from candlehouse.storage.universe.past_universe import (
    insert_past_snapshot,
    select_backfilled_members,
    select_backfilled_months,
    select_first_live,
    select_known,
    select_volumes,
)
from candlehouse.storage.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class PastPlan:
    """What a backfill of past months requires.

    Attributes:
        months: months to make a snapshot of, as their first moments in UTC, ascending.
        listed: every pair of the exchange's list.
        candidates: pairs that may be members by their kind, trading or not.
        unasked: for each symbol, the months whose volume is not stored yet, ascending.
        weight: request weight of fetching those volumes.
    """

    months: Sequence[datetime]
    listed: Sequence[Instrument]
    candidates: Sequence[Instrument]
    unasked: Mapping[str, Sequence[datetime]]
    weight: int


@dataclass(frozen=True, slots=True)
class PastReport:
    """What a backfill of past months did.

    Attributes:
        snapshots: snapshots that were stored, by ascending month.
        empty: months without a snapshot, because no pair traded in the month before.
        joined: symbols that were never members before, sorted.
        unknown: symbols that the exchange no longer knows, sorted; without published files
            either, they count as not traded.
    """

    snapshots: tuple[Snapshot, ...]
    empty: tuple[datetime, ...]
    joined: tuple[str, ...]
    unknown: tuple[str, ...]


async def plan_past(
    warehouse: Warehouse,
    source: MarketData,
    first: datetime | None = None,
    last: datetime | None = None,
) -> PastPlan:
    """Plans which months get a snapshot, and which volumes must be fetched for that.

    Args:
        warehouse: whose settings have COLLECTION_START_DATE, from which on history is wanted.
        source: the REST client.
        first: any moment of the first month; None for the month of COLLECTION_START_DATE.
        last: any moment of the last month; None for the month before the first snapshot.

    Raises:
        ConfigurationError: when SYMBOLS is set, or `first` comes after `last`.
        UniverseShrunken: when the exchange's list of pairs is cut short.
        ExchangeError: when the exchange fails.
    """
    if warehouse.settings.symbols:
        raise ConfigurationError(
            "SYMBOLS is set: past snapshots are made of a ranked universe only"
        )
    now = await source.fetch_time()
    due = now - warehouse.settings.close_grace
    months = await warehouse.in_thread(_choose_months, due, first, last)
    if not months:
        return PastPlan((), (), (), {}, 0)
    listed = (await source.fetch_instruments()).instruments
    async with open_market_caps(warehouse) as market_caps:
        sizing = Sizing(source, market_caps, now)
        tags = await sizing.find_tags()
        await sizing.require_listed(listed)
    candidates = await warehouse.in_thread(_find_candidates, listed, tags)
    ranked_by = [month_before(month) for month in months]
    unasked = await warehouse.in_thread(_find_unasked, candidates, ranked_by)
    pages = sum(count_pages(one, warehouse.settings.batch_size) for one in unasked.values())
    return PastPlan(months, listed, candidates, unasked, pages * VENUE.rest.page_weight)


async def backfill_universe(
    warehouse: Warehouse,
    source: MarketData,
    first: datetime | None = None,
    last: datetime | None = None,
) -> PastReport:
    """Stores the members of the universe in past months, and makes their history wanted.

    Each month ranks the pairs by their quote volume in the month before. Existing snapshots
    stay, and no month after the first live snapshot gets one. Fetched volumes are stored: a run
    after one that was interrupted continues there.

    Args:
        warehouse: to read from and to write to.
        source: the REST client.
        first: any moment of the first month; None for the month of COLLECTION_START_DATE.
        last: any moment of the last month; None for the month before the first snapshot.

    Raises:
        CollectionIncomplete: when a volume could not be fetched; no snapshot is made then.
        ConfigurationError, UniverseShrunken, ExchangeError: as for `plan_past`.
    """
    plan = await plan_past(warehouse, source, first, last)
    now = await source.fetch_time()
    if plan.months:
        await warehouse.write_in_thread(store_instruments, plan.listed, now)
    async with open_archive(warehouse) as archive:
        report = await fetch_volumes(
            warehouse, source, archive, plan.unasked, warehouse.settings.batch_size
        )
        if report.failures:
            raise CollectionIncomplete(report.failures)
        before = await warehouse.read_in_thread(_select_ever)
        snapshots, empty = await warehouse.in_thread(_make, plan)
        after = await warehouse.read_in_thread(_select_ever)
        # Also without a new month: the run before may have been interrupted here.
        await want_members(warehouse, source)
        if archive is not None:
            await find_lives_in_files(warehouse, archive, now)
    await end_departed(warehouse, source, sorted(after))
    joined = tuple(sorted(after - before))
    return PastReport(snapshots, empty, joined, tuple(sorted(report.unknown)))


def _find_candidates(
    warehouse: Warehouse,
    listed: Sequence[Instrument],
    tags: Mapping[str, Sequence[str]],
) -> list[Instrument]:
    """Pairs that may be members, of the exchange's list and of the stored instruments."""
    with warehouse.read() as connection:
        recorded = select_instruments(connection)
    symbols = {one.symbol for one in listed}
    require_complete_list(
        "exchangeInfo", symbols, {one.symbol for one in recorded if one.is_trading}
    )
    every = [*listed, *(one for one in recorded if one.symbol not in symbols)]
    bases = {one.base_asset for one in every}
    found = [
        one
        for one in every
        if find_kind(one, warehouse.settings.quote_asset, bases, tags, VENUE.pairs) is None
    ]
    if not found:
        raise UniverseEmpty(
            f"the exchange has no pair with {warehouse.settings.quote_asset} to collect"
        )
    return found


def _choose_months(
    warehouse: Warehouse,
    due: datetime,
    first: datetime | None,
    last: datetime | None,
) -> list[datetime]:
    with warehouse.read() as connection:
        live, made = select_first_live(connection), select_backfilled_months(connection)
    until = due if live is None else min(due, live)
    return choose_months(first or warehouse.settings.collection_start, last or until, until, made)


def _find_unasked(
    warehouse: Warehouse, candidates: Sequence[Instrument], months: Sequence[datetime]
) -> dict[str, list[datetime]]:
    if not months:
        return {}
    with warehouse.read() as connection:
        known = select_known(connection, months[0], months[-1])
    return find_unasked([one.symbol for one in candidates], months, known)


def _make(
    warehouse: Warehouse, plan: PastPlan
) -> tuple[tuple[Snapshot, ...], tuple[datetime, ...]]:
    made, empty = [], []
    for month in plan.months:
        # One transaction per month: an interrupted run continues with the next month.
        with warehouse.write() as connection:
            volumes = select_volumes(connection, month_before(month))
            current = select_backfilled_members(connection, month_before(month))
            members = rank_past(plan.candidates, volumes, current, warehouse.settings.top_n)
            snapshot = Snapshot(month, BACKFILLED, members)
            if not members:
                empty.append(month)
            elif insert_past_snapshot(connection, snapshot):
                made.append(snapshot)
    return tuple(made), tuple(empty)


def _select_ever(connection: Connection) -> set[str]:
    return set(select_members_ever(connection))
