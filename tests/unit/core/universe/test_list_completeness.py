"""Lists that lack too much to be whole."""

from __future__ import annotations

from decimal import Decimal

import pytest

from candlehouse.core.errors import UniverseShrunken
from candlehouse.core.universe.list_completeness import (
    find_missing,
    require_complete_list,
    require_members,
    require_sizes,
)


def names(count: int) -> list[str]:
    return [f"C{number:03}" for number in range(count)]


@pytest.mark.parametrize(
    ("due", "may_lack"), [(2, 1), (20, 1), (39, 1), (40, 2), (100, 5), (2000, 100)]
)
def test_one_in_twenty_may_be_missing_and_one_always(due: int, may_lack: int) -> None:
    assert find_missing(names(due)[may_lack:], names(due)) == []
    assert find_missing(names(due)[may_lack + 1 :], names(due)) == names(due)[: may_lack + 1]


def test_what_is_not_expected_may_be_there() -> None:
    assert find_missing(names(9), []) == []


def test_a_cut_list_is_refused_with_its_figures() -> None:
    with pytest.raises(UniverseShrunken, match="exchangeInfo lacks 80 of 100 pairs") as refused:
        require_complete_list("exchangeInfo", names(20), names(100))
    assert (refused.value.found, refused.value.due) == (20, 100)


@pytest.mark.parametrize(
    ("known", "candidates", "enough"),
    [(48, 400, True), (47, 400, False), (9, 10, True), (8, 10, False), (400, 400, True)],
)
def test_source_must_fill_the_universe(known: int, candidates: int, enough: bool) -> None:
    others = names(candidates)
    if enough:
        require_sizes(others[:known], others, {}, 50)
        return
    with pytest.raises(UniverseShrunken, match=f"the size of {known} pairs"):
        require_sizes(others[:known], others, {}, 50)


@pytest.mark.parametrize(("sized", "enough"), [("49", False), ("50", True)])
def test_source_must_know_half_of_what_is_traded(sized: str, enough: bool) -> None:
    volumes = {"C000": Decimal(sized), "BTC": 100 - Decimal(sized)}
    if enough:
        require_sizes(names(1), names(1), volumes, 1)
        return
    with pytest.raises(UniverseShrunken, match="49% of the traded volume"):
        require_sizes(names(1), names(1), volumes, 1)


def test_market_without_any_volume_is_judged_by_its_pairs_alone() -> None:
    require_sizes(names(9), names(9), dict.fromkeys(names(9), Decimal(0)), 50)


def test_universe_that_loses_many_at_once_is_refused() -> None:
    require_members(50, 2, 50, 50)
    with pytest.raises(UniverseShrunken, match="from 52 to 49 members"):
        require_members(49, 2, 50, 50)
    # A smaller one may be asked for, and the first one has no other before it.
    require_members(12, 2, 50, 10)
    require_members(4, 0, 0, 50)
