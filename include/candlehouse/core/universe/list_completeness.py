"""Whether an answer that lists something lists enough of it to be believed.

Rate limits, proxies and half-dead servers cut lists short without saying so, and a part
of a list looks just like the list of a smaller market. So no list is believed by itself:
it is held against what else is known, and a pair that it lacks has not stopped trading.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from candlehouse.core.errors import UniverseShrunken

# A list may lack one in so many: a pair may be listed or purged between two requests.
_ONE_IN = 20
# Of how much of the traded volume a source must know the pairs.
_VOLUME_SHARE = Decimal("0.5")
_NAMED = 5


def tolerance(count: int) -> int:
    """How many of `count` an answer may lack."""
    return max(1, count // _ONE_IN)


def find_lacking(found: Collection[str], expected: Collection[str]) -> list[str]:
    """What of `expected` was not found, sorted; empty when so few may be missing."""
    lacking = sorted(set(expected).difference(found))
    return lacking if len(lacking) > tolerance(len(set(expected))) else []


def require_whole(what: str, found: Collection[str], expected: Collection[str]) -> None:
    """Refuses a list that lacks too much.

    Args:
        what: the list's name.
        found: symbols in it.
        expected: symbols that must be in it.

    Raises:
        UniverseShrunken: naming some that are missing.
    """
    if lacking := find_lacking(found, expected):
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
    """Refuses a source that knows the size of too few pairs.

    Args:
        sized: symbols of which it knows the size.
        others: symbols of all candidates but those that are always members.
        volumes: traded volume of all candidates by symbol; empty when it is not known.
        top_n: members that are wanted besides those that are always in.

    Raises:
        UniverseShrunken: when it cannot fill the universe, or lacks most of what is traded.
    """
    due = max(1, min(top_n, len(others)))
    known = len(set(others).intersection(sized))
    if due - known > tolerance(due):
        raise UniverseShrunken(
            f"it knows the size of {known} pairs, and {due} are needed", known, due
        )
    total = sum(volumes.values(), Decimal(0))
    part = sum((volumes[symbol] for symbol in volumes if symbol in sized), Decimal(0))
    if part < total * _VOLUME_SHARE:
        raise UniverseShrunken(
            f"it knows the size of pairs with {part / total:.0%} of the traded volume alone",
            int(due * part / total),
            due,
        )


def require_members(members: int, last_always: int, last_others: int, top_n: int) -> None:
    """Refuses a universe that has shrunk since the last snapshot.

    Args:
        members: that were chosen now.
        last_always: members of the last snapshot that are always in.
        last_others: its other members.
        top_n: other members that are wanted now.

    Raises:
        UniverseShrunken: when too many members would be lost at once.
    """
    due = last_always + min(top_n, last_others)
    if due - members > tolerance(due):
        raise UniverseShrunken(
            f"the universe would shrink from {due} to {members} members at once"
            f" (TOP_N_CRYPTOS is {top_n})",
            members,
            due,
        )
