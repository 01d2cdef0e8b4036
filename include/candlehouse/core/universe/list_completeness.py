"""Whether a list in an answer is complete enough to be used.

Rate limits, proxies and failing servers truncate lists without an error, and a truncated list
looks like the complete list of a smaller market. So every list is checked against what else is
known; that a pair is missing from a list does not prove that it has stopped trading.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from candlehouse.core.errors import UniverseShrunken

# A list may lack one pair in 20: pairs may be listed or removed between two requests.
_ONE_IN = 20
# The pairs that a source knows must have at least this share of the traded volume.
_VOLUME_SHARE = Decimal("0.5")
_NAMED = 5


def tolerance(count: int) -> int:
    """How many of `count` entries a list may lack: at least 1."""
    return max(1, count // _ONE_IN)


def find_missing(found: Collection[str], expected: Collection[str]) -> list[str]:
    """The symbols of `expected` that were not found, sorted; empty within the tolerance."""
    lacking = sorted(set(expected).difference(found))
    return lacking if len(lacking) > tolerance(len(set(expected))) else []


def require_complete_list(what: str, found: Collection[str], expected: Collection[str]) -> None:
    """Rejects a list that lacks more expected symbols than tolerated.

    Args:
        what: the list's name, for the error message.
        found: symbols in the list.
        expected: symbols that must be in it.

    Raises:
        UniverseShrunken: with some of the missing symbols in its message.
    """
    if lacking := find_missing(found, expected):
        due = len(set(expected))
        named = ", ".join(lacking[:_NAMED])
        raise UniverseShrunken(
            f"{what} lacks {len(lacking)} of {due} pairs that trade, such as {named}",
            due - len(lacking),
            due,
        )


def require_sizes(
    sized: Collection[str],
    others: Collection[str],
    volumes: Mapping[str, Decimal],
    top_n: int,
) -> None:
    """Rejects a source that knows the size of too few pairs.

    Args:
        sized: symbols whose size the source knows.
        others: symbols of all candidates except those that are always members.
        volumes: traded volume by symbol of all candidates; empty when unknown.
        top_n: wanted number of members besides those that are always in.

    Raises:
        UniverseShrunken: when the source cannot fill the universe, or lacks most of the volume.
    """
    due = max(1, min(top_n, len(others)))
    known = len(set(others).intersection(sized))
    if due - known > tolerance(due):
        raise UniverseShrunken(
            f"the source knows the size of {known} pairs, and {due} are needed", known, due
        )
    total = sum(volumes.values(), Decimal(0))
    part = sum((volumes[symbol] for symbol in volumes if symbol in sized), Decimal(0))
    if part < total * _VOLUME_SHARE:
        raise UniverseShrunken(
            f"the source knows only pairs with {part / total:.0%} of the traded volume",
            int(due * part / total),
            due,
        )


def require_members(members: int, last_always: int, last_others: int, top_n: int) -> None:
    """Rejects a universe that has shrunk since the last snapshot.

    Args:
        members: number of members chosen now.
        last_always: number of members of the last snapshot that are always in.
        last_others: number of its other members.
        top_n: wanted number of other members now.

    Raises:
        UniverseShrunken: when more members than tolerated would be lost at once.
    """
    due = last_always + min(top_n, last_others)
    if due - members > tolerance(due):
        raise UniverseShrunken(
            f"the universe would shrink from {due} to {members} members at once"
            f" (TOP_N_CRYPTOS is {top_n})",
            members,
            due,
        )
