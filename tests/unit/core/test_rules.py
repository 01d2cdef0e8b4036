"""Rules are in one place, the reference has that very list, and a jump is what it is said to be."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from candlehouse.core import rules
from candlehouse.core.rules import (
    FLAGS_OF_VALUES,
    JUMP_CLOSES,
    JUMP_REACH,
    RULES,
    is_price_jump,
    join_flags,
)
from support.places import PROJECT

ROOT = PROJECT
STORAGE = ROOT / "include/candlehouse/storage"


def test_every_rule_has_a_name_of_its_own_and_is_in_the_list() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    constants = {
        value for key, value in vars(rules).items() if key.isupper() and isinstance(value, str)
    }
    assert constants == set(names)
    assert all(rule.outcomes for rule in RULES)


def test_the_reference_has_the_same_list() -> None:
    page = ROOT / "docs/reference/rules.md"
    table = page.read_text().partition("| rule | what must hold | else |")[2]
    found = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", table.partition("\n\n")[0], re.MULTILINE)
    assert found == [
        (rule.name, rule.says, ", ".join(outcome.value for outcome in rule.outcomes))
        for rule in RULES
    ]


@pytest.mark.parametrize(
    ("file", "names"),
    [
        (
            "candles/page_writer.sql",
            {"prices_out_of_order", "taker_above_total", "wrong_close_time"},
        ),
        (
            "schema/functions/rules/candle_flags.sql",
            {"off_grid", "odd_close_time", "trades_disagree", "zero_volume"},
        ),
    ],
)
def test_sql_calls_rules_by_their_names(file: str, names: set[str]) -> None:
    found = re.findall(r"THEN\s+'(\w+)'|ELSE '(\w+)'", (STORAGE / file).read_text())
    assert {name for pair in found for name in pair if name} == names <= {r.name for r in RULES}


def closes(*last: str, before: str = "100", count: int = JUMP_REACH) -> list[Decimal]:
    """Closes that change by a hundredth in turn, then `last`."""
    calm = [Decimal(before) * (100 + n % 2) / 100 for n in range(count)]
    return [*calm, *map(Decimal, last)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (closes("120"), True),
        (closes("80"), True),
        (closes("110.05"), True),
        (closes("109"), False),
        # One jump more among the earlier ones is no habit.
        (closes("150", "100"), True),
        (closes("0.000001"), True),
    ],
)
def test_a_change_of_ten_times_the_usual_is_a_jump(found: list[Decimal], expected: bool) -> None:
    assert is_price_jump(found) is expected


def test_a_small_change_is_no_jump_however_still_the_price_stood() -> None:
    still = [Decimal("1.0000")] * JUMP_REACH
    assert not is_price_jump([*still, Decimal("1.0500")])
    assert is_price_jump([*still, Decimal("1.0501")])


def test_too_few_closes_say_nothing() -> None:
    assert not is_price_jump(closes("200", count=JUMP_CLOSES - 1))
    assert is_price_jump(closes("200", count=JUMP_CLOSES))
    assert not is_price_jump([])


def test_a_price_of_nothing_is_no_reason_to_fail() -> None:
    assert is_price_jump(closes("0"))
    assert not is_price_jump([Decimal(0)] * JUMP_REACH)


def test_flags_are_distinct_and_in_order() -> None:
    assert join_flags("zero_volume", None, "off_grid", "zero_volume") == ("off_grid", "zero_volume")


def test_flags_of_values_come_in_the_order_in_which_they_are_stored() -> None:
    definition = (STORAGE / "schema/functions/rules/candle_flags.sql").read_text()
    listed = tuple(re.findall(r"THEN\s+'(\w+)'", definition))
    assert listed == join_flags(*listed) == FLAGS_OF_VALUES
