"""Array literals: what PostgreSQL must read back as the same items."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from candlehouse.storage.database.arrays import format_array


@pytest.mark.parametrize(
    ("items", "literal"),
    [
        ([], "{}"),
        (["BTCUSDT", "币安人生USDT"], '{"BTCUSDT","币安人生USDT"}'),
        (["", "NULL", None], '{"","NULL",NULL}'),
        (['a "b"', "c\\d", "{e,f}"], '{"a \\"b\\"","c\\\\d","{e,f}"}'),
        ([1, -2, True], "{1,-2,True}"),
        ([Decimal("0.10000000")], "{0.10000000}"),
        ([date(2025, 1, 2)], "{2025-01-02}"),
        ([datetime(2025, 1, 2, 3, 4, 5, 6, UTC)], "{2025-01-02T03:04:05.000006+00:00}"),
    ],
)
def test_items_become_one_literal(items: list[object], literal: str) -> None:
    assert format_array(items) == literal


def test_what_only_the_driver_can_write_is_left_to_it() -> None:
    assert format_array(["a", b"b"]) is None
    assert format_array([["a"], ["b"]]) is None
