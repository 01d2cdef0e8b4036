"""The known pairs, and the membership of the universe over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from candlehouse.core.universe.instruments import TRADING, Instrument
from candlehouse.core.universe.past_universe import BACKFILLED
from candlehouse.core.universe.ranking import Member
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)
# Key of an advisory lock; unique within the warehouse.
_LOCK_KEY = 7_265_003
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The universe at one moment.

    Attributes:
        as_of: exchange time.
        source: of the ranking.
        members: by rank.
    """

    as_of: datetime
    source: str
    members: tuple[Member, ...]


class Return(NamedTuple):
    """A pair that had left and trades again, dated by the refreshes that noticed it.

    Attributes:
        left_at: exchange time.
        returned_at: exchange time.
    """

    symbol: str
    left_at: datetime
    returned_at: datetime


def insert_snapshot(connection: Connection, snapshot: Snapshot) -> datetime:
    """Adds a snapshot taken now; existing snapshots are never overwritten.

    Returns:
        The moment of the snapshot: slightly later than requested when the exchange's clock has not
        moved past the last snapshot.
    """
    lock_universe(connection)
    last: datetime | None = connection.execute(_SQL("select_last_as_of")).scalar_one()
    as_of = snapshot.as_of if last is None else max(snapshot.as_of, last + _MICROSECOND)
    add_members(connection, replace(snapshot, as_of=as_of))
    connection.execute(_SQL("forget_refusal"))
    return as_of


def lock_universe(connection: Connection) -> None:
    """Makes this transaction the only one that adds snapshots until it ends."""
    connection.execute(_SQL("lock_universe"), {"lock_key": _LOCK_KEY})


def add_members(connection: Connection, snapshot: Snapshot) -> None:
    """Adds a snapshot unchanged; the caller holds `lock_universe`."""
    connection.execute(
        _SQL("insert_snapshot"),
        {
            "as_of": snapshot.as_of,
            "source": snapshot.source,
            "ranks": [member.rank for member in snapshot.members],
            "symbols": [member.symbol for member in snapshot.members],
            "base_assets": [member.base_asset for member in snapshot.members],
            "market_caps": [member.market_cap_usd for member in snapshot.members],
        },
    )


def note_refusal(
    connection: Connection, refused_at: datetime, found: int, due: int, reason: str
) -> None:
    """Records why no snapshot was taken; the next snapshot removes the record.

    Args:
        connection: in a transaction.
        refused_at: exchange time.
        found: number of pairs found, of those that were due.
        due: number of pairs that had to be found.
        reason: for people.
    """
    values = {"refused_at": refused_at, "found": found, "due": due, "reason": reason}
    connection.execute(_SQL("note_refusal"), values)


def select_snapshot(connection: Connection, moment: datetime | None = None) -> Snapshot | None:
    """The membership valid at `moment` (now when None); None before the first snapshot."""
    rows = connection.execute(_SQL("select_snapshot"), {"moment": moment}).all()
    if not rows:
        return None
    members = tuple(
        Member(row.rank, row.symbol, row.base_asset, row.market_cap_usd) for row in rows
    )
    return Snapshot(rows[0].as_of, rows[0].source, members)


def select_last_live(connection: Connection) -> Snapshot | None:
    """The last snapshot that was taken live, not one made afterwards for a past month."""
    values = {"backfilled": BACKFILLED}
    moment = connection.execute(_SQL("select_last_live"), values).scalar_one()
    return None if moment is None else select_snapshot(connection, moment)


def select_instruments(connection: Connection) -> list[Instrument]:
    """Every pair that any refresh has seen on the exchange, in order of symbol."""
    rows = connection.execute(_SQL("select_instruments"))
    return [
        Instrument(
            row.symbol, row.base_asset, row.quote_asset, row.status, tick_size=row.tick_size,
            lot_size=row.lot_size, min_notional=row.min_notional,
        )
        for row in rows
    ]  # fmt: skip


def select_members_ever(connection: Connection) -> list[str]:
    """Symbols of all snapshots, sorted: they stay wanted until they stop trading."""
    return list(connection.execute(_SQL("select_members_ever")).scalars())


def select_trading(connection: Connection) -> list[str]:
    """Symbols of the pairs that traded at the last refresh, sorted."""
    return list(connection.execute(_SQL("select_trading"), {"trading": TRADING}).scalars())


def select_unrecorded(connection: Connection, symbols: Sequence[str]) -> list[str]:
    """The `symbols` that are unknown to the warehouse, sorted.

    A symbol is known when the exchange has ever listed it, it was ever a member of the universe, or
    it has a known first candle or a stored candle.
    """
    return list(connection.execute(_SQL("select_unrecorded"), {"symbols": list(symbols)}).scalars())


def note_returns(
    connection: Connection, instruments: Sequence[Instrument], returned_at: datetime
) -> list[Return]:
    """Records which pairs trade again that had left; call it before `upsert_instruments`.

    Args:
        connection: in a transaction.
        instruments: all pairs of the exchange.
        returned_at: exchange time.

    Returns:
        Ordered by symbol.
    """
    trading = [one.symbol for one in instruments if one.status == TRADING]
    parameters = {"symbols": trading, "refreshed_at": returned_at}
    rows = connection.execute(_SQL("note_returns"), parameters)
    return sorted((Return(*row) for row in rows), key=lambda one: one.symbol)


def date_return(
    connection: Connection, one: Return, ended_at: datetime | None, resumed_at: datetime | None
) -> None:
    """Records when the candles of a pair ended and began again, None where unknown."""
    moments = {"ended_at": ended_at, "resumed_at": resumed_at}
    connection.execute(_SQL("date_return"), {**one._asdict(), **moments})


def upsert_instruments(
    connection: Connection, instruments: Sequence[Instrument], refreshed_at: datetime
) -> list[str]:
    """Stores the exchange's description of its pairs.

    A pair that is not trading, or is no longer listed, has left; `refreshed_at` is recorded as
    the time when this was first noticed.

    Args:
        connection: in a transaction.
        instruments: all pairs of the exchange.
        refreshed_at: exchange time.

    Returns:
        Symbols that are no longer listed, sorted.
    """
    connection.execute(
        _SQL("upsert_instruments"),
        {
            "refreshed_at": refreshed_at,
            "trading": TRADING,
            "symbols": [one.symbol for one in instruments],
            "base_assets": [one.base_asset for one in instruments],
            "quote_assets": [one.quote_asset for one in instruments],
            "statuses": [one.status for one in instruments],
            "tick_sizes": [one.tick_size for one in instruments],
            "lot_sizes": [one.lot_size for one in instruments],
            "min_notionals": [one.min_notional for one in instruments],
        },
    )
    present = [one.symbol for one in instruments]
    gone = connection.execute(
        _SQL("retire_absent_instruments"), {"refreshed_at": refreshed_at, "symbols": present}
    )
    return sorted(gone.scalars())
