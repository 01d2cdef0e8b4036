"""Writes pages of candles idempotently, and records every difference from stored candles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.candles.pages import CheckedPage, Page, PublishedPage
from candlehouse.core.errors import UnfitRows
from candlehouse.core.model import Excuse, Series, Source
from candlehouse.core.rules import DUPLICATE_OPEN_TIME
from candlehouse.core.timeframe import Timeframe
from candlehouse.storage.candles.flags import flag_duplicates
from candlehouse.storage.candles.held_slots import as_parameters
from candlehouse.storage.candles.quarantine import quarantine_rejected
from candlehouse.storage.candles.staging import (
    copy_checked,
    copy_published,
    count_days,
    count_staged,
    list_days,
    mark_changed,
    refusals_as_unfit,
    select_days_held,
)
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch changed, in candles.

    Attributes:
        uneven: symbols whose rows do not correspond one to one to slots: some opened off the grid
            or went to quarantine.
        equal: number of stored candles per symbol that the batch confirmed. Ignored in comparisons.
        differing_at: per symbol the open times of stored candles with other values than the batch,
            whether they were corrected or not. Ignored in comparisons.
    """

    inserted: int = 0
    corrected: int = 0
    refused: int = 0
    quarantined: int = 0
    uneven: frozenset[str] = frozenset()
    equal: Mapping[str, int] = field(default_factory=dict, compare=False)
    differing_at: Mapping[str, Sequence[datetime]] = field(default_factory=dict, compare=False)

    @property
    def differing(self) -> dict[str, int]:
        """Number of stored candles per symbol with other values than the batch."""
        return {symbol: len(open_times) for symbol, open_times in self.differing_at.items()}

    def __add__(self, other: Written) -> Written:
        return Written(
            self.inserted + other.inserted,
            self.corrected + other.corrected,
            self.refused + other.refused,
            self.quarantined + other.quarantined,
            self.uneven | other.uneven,
            Counter(self.equal) + Counter(other.equal),
            {
                symbol: [*self.differing_at.get(symbol, ()), *other.differing_at.get(symbol, ())]
                for symbol in {*self.differing_at, *other.differing_at}
            },
        )


def lock_key(series: Series) -> str:
    """The text that every writer of `series` hashes to the key of its advisory lock."""
    return f"candlehouse {series}"


def lock_series(connection: Connection, series: Iterable[Series]) -> None:
    """Makes this transaction the only writer of `series` until it ends."""
    keys = [lock_key(one) for one in sorted(set(series), key=str)]
    connection.execute(_SQL("lock_series"), {"keys": keys})


def write_candles(
    connection: Connection, pages: Sequence[Page], excuse: Excuse | None = None
) -> Written:
    """Stores the pages of a batch (`batch_pages`); equal rows change nothing.

    A stored candle with other values is replaced when the new source ranks at least as high
    (archive, rest, stream), and the old values are kept in `corrections`. The new values are only
    recorded there as refused when their source ranks lower, when they lack a known column, or when
    they have the same rank and fewer trades or less volume without an excuse. Days are recounted in
    the same transaction. A candle gets the flags of its values, and a flag when its open time
    occurred more than once.

    The caller holds the locks of the series and ends the transaction.

    Args:
        connection: in the caller's transaction.
        pages: of one timeframe, one source and one form.
        excuse: recorded with replaced values.

    Raises:
        UnfitRows: when lines of a file are not all candles with distinct open times; the
            transaction can only be rolled back.
    """
    filled = [page for page in pages if page.count]
    rejected = quarantine_rejected(connection, pages)
    if not filled:
        return Written(quarantined=rejected)
    published = [page for page in filled if isinstance(page, PublishedPage)]
    checked = [page for page in filled if isinstance(page, CheckedPage)]
    first = filled[0]
    timeframe, source = first.series.timeframe, first.source
    bounds = {
        "symbol": first.series.symbol,
        "timeframe": timeframe.value,
        "source": source.value,
        "excuse": None if excuse is None else excuse.value,
        "length_ms": timeframe.length_ms,
        **as_parameters([(page.series.symbol, page.span) for page in filled]),
    }
    with refusals_as_unfit(published):
        if published:
            copy_published(connection, published)
            days = list_days(published)
        else:
            copy_checked(connection, checked)
            days = count_staged(connection, bounds)
    quarantined = 0
    uneven = frozenset(day.symbol for day in days if day.off_grid or day.impossible)
    if any(day.impossible for day in days):
        quarantined = connection.execute(_SQL("quarantine_impossible"), bounds).rowcount
        days = count_staged(connection, bounds)
    held = select_days_held(connection, timeframe, days)
    with refusals_as_unfit(published):
        if held and published:
            connection.execute(_SQL("stage_published"), bounds)
        settled = _settle_stored(connection, timeframe, bounds, held)
        # The remaining rows are new; for days without stored candles these are all rows.
        new = count_staged(connection, bounds) if held else days
        insert = _SQL("insert_published" if published and not held else "insert_new", timeframe)
        inserted = connection.execute(insert, bounds).rowcount
    if inserted:
        count_days(connection, timeframe, days, held)
    mark_changed(connection, timeframe, new, held, settled.corrected_at)
    # A correction replaces the candle's flags by the flags of the new values.
    if settled.corrected or _has_duplicates(filled):
        flag_duplicates(connection, timeframe, bounds)
    return Written(
        inserted, settled.corrected, settled.refused, quarantined + rejected, uneven,
        settled.equal, settled.differing_at,
    )  # fmt: skip


def _has_duplicates(pages: Sequence[Page]) -> bool:
    return any(row.rule == DUPLICATE_OPEN_TIME for page in pages for row in page.rejected)


@dataclass(slots=True)
class _Settled:
    """The outcome for rows of a batch that were already stored.

    Attributes:
        equal: number of confirmed candles per symbol.
        corrected_at: open times of the replaced candles per symbol.
        refused: number of newly refused rows.
        differing_at: open times per symbol of all candles that differed.
    """

    equal: dict[str, int] = field(default_factory=dict)
    corrected_at: dict[str, Sequence[datetime]] = field(default_factory=dict)
    refused: int = 0
    differing_at: dict[str, Sequence[datetime]] = field(default_factory=dict)

    @property
    def corrected(self) -> int:
        """Number of replaced candles."""
        return sum(map(len, self.corrected_at.values()))


def _settle_stored(
    connection: Connection,
    timeframe: Timeframe,
    bounds: Mapping[str, object],
    held: Collection[object],
) -> _Settled:
    """Removes rows of stored candles from staging, and corrects the differing ones."""
    settled = _Settled()
    if not held:
        return settled
    connection.execute(_SQL("create_stored"))
    if not connection.execute(_SQL("load_stored", timeframe), bounds).rowcount:
        return settled
    if repeated := connection.execute(_SQL("find_repeated")).scalar():
        # Each would count as a correction of the other, again with every run.
        raise UnfitRows(f"{repeated} {timeframe}: a candle occurs twice")
    settled.equal = {row.symbol: row.candles for row in connection.execute(_SQL("drop_equal"))}
    _correct(connection, timeframe, bounds, settled)
    return settled


def _correct(
    connection: Connection, timeframe: Timeframe, bounds: Mapping[str, object], settled: _Settled
) -> None:
    """Handles rows that are stored with other values."""
    connection.execute(_SQL("create_differing"))
    if not connection.execute(_SQL("find_differing"), bounds).rowcount:
        return
    differing = connection.execute(_SQL("select_differing")).all()
    connection.execute(_SQL("join_by_loop"), {"allowed": "off"})
    recorded = connection.execute(_SQL("record_corrections"), bounds).rowcount
    connection.execute(_SQL("lift_decompression_limit"))
    for row in differing:
        if row.replaced:
            of_symbol = {**bounds, "symbol": row.symbol, "low": row.low, "high": row.high}
            changed = connection.execute(_SQL("apply_corrections", timeframe), of_symbol)
            settled.corrected_at[row.symbol] = changed.scalars().all()
    connection.execute(_SQL("join_by_loop"), {"allowed": "on"})
    connection.execute(_SQL("drop_stored"))
    settled.refused = recorded - settled.corrected
    settled.differing_at = {row.symbol: row.open_times for row in differing}


def batch_pages(pages: Iterable[Page]) -> list[list[Page]]:
    """Groups pages into batches for `write_candles`.

    The pages of a batch have one timeframe, one source and one form; lines of files also have one
    symbol.
    """
    groups: dict[tuple[Timeframe, Source, str | None], list[Page]] = defaultdict(list)
    for page in pages:
        symbol = page.series.symbol if isinstance(page, PublishedPage) else None
        groups[page.series.timeframe, page.source, symbol].append(page)
    return list(groups.values())
