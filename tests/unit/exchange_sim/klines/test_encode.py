"""The fast encoder writes what the plain one writes, digit by digit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange_sim.klines.decimals import fixed8, ratio8
from exchange_sim.klines.encode import encode, encode_row

ROW = st.tuples(
    *[st.integers(0, 10**9)] * 4,
    st.integers(0, 10**15),
    st.integers(0, 9 * 10**18),
    st.integers(0, 10**8),
    st.integers(0, 10**15),
    st.integers(0, 9 * 10**18),
)


@given(
    rows=st.lists(ROW, min_size=1, max_size=6),
    decimals=st.sampled_from([(2, 5), (8, 0), (0, 0), (4, 1), (5, 0), (1, 7), (6, 2), (0, 8)]),
    start=st.integers(10**12, 2 * 10**12),
)
@settings(max_examples=100, deadline=None)
def test_blocks_and_single_rows_agree(
    rows: list[tuple[int, ...]], decimals: tuple[int, int], start: int
) -> None:
    times = start + np.arange(len(rows), dtype=np.int64) * 60_000
    block = encode(times, times + 59_999, np.array(rows, dtype=np.int64).T, *decimals)
    for index, (open_ms, row) in enumerate(zip(times.tolist(), rows, strict=True)):
        assert block.slice(index, index + 1) == encode_row(
            open_ms, open_ms + 59_999, row, *decimals
        )
    assert block.slice(0, len(rows)).count(b"[") == len(rows)


def test_no_rows_make_an_empty_block() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    block = encode(nothing, nothing, np.zeros((9, 0), dtype=np.int64), 2, 5)
    assert (block.blob, block.offsets.tolist()) == (b"", [0])


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 8, "0.00000000"),
        (1, 8, "0.00000001"),
        (-12345, 2, "-123.45000000"),
        (10**22, 0, "10000000000000000000000.00000000"),
    ],
)
def test_decimals_have_eight_places_and_no_exponent(value: int, decimals: int, text: str) -> None:
    assert fixed8(value, decimals) == text


def test_ratios_are_cut_and_zero_over_zero_is_zero() -> None:
    assert ratio8(2, 3) == "0.66666666"
    assert ratio8(-2, 3, 3) == "-0.666"
    assert ratio8(0, 0) == "0.00000000"
