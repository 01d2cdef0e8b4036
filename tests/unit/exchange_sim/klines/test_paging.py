"""Bounds and limits of a page, against a plain list."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange_sim.klines.encode import make_block
from exchange_sim.klines.paging import cut_page, in_microseconds
from exchange_sim.lru import BoundedCache


@given(
    times=st.lists(st.integers(0, 60), unique=True, max_size=40).map(sorted),
    cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted),
    start=st.integers(0, 60),
    end=st.integers(0, 60),
    limit=st.integers(0, 45),
    newest=st.booleans(),
)
def test_pages_hold_the_oldest_or_newest_rows_between_inclusive_bounds(
    times: list[int], cuts: list[int], start: int, end: int, limit: int, newest: bool
) -> None:
    edges = [0, *cuts, len(times)]
    blocks = []
    for first, last in pairwise(edges):
        part = times[first:last]
        blob = b"".join(b"[%d]," % time for time in part)
        blocks.append(make_block(np.array(part, dtype=np.int64), blob))
    inside = [time for time in times if start <= time <= end]
    wanted = (inside[-limit:] if limit else []) if newest else inside[:limit]
    parts, count = cut_page(blocks[::-1] if newest else blocks, start, end, limit, newest)
    assert b",".join(parts) == b",".join(b"[%d]" % time for time in wanted)
    assert count == len(wanted)


def test_microseconds_touch_both_times_and_nothing_else() -> None:
    row = b'[1735689600000,"1","2","1","2","1735689600000",1735689659999,"9",1234567,"1","1","0"]'
    assert in_microseconds(b"[" + row + b"," + row + b"]").count(b"1735689600000000") == 2
    assert in_microseconds(row) == (
        b'[1735689600000000,"1","2","1","2","1735689600000",1735689659999999,"9",1234567,'
        b'"1","1","0"]'
    )


def test_an_empty_page_has_no_times_to_change() -> None:
    assert in_microseconds(b"[]") == b"[]"


def test_a_bounded_cache_drops_what_was_not_used_for_longest() -> None:
    cache: BoundedCache[str, int] = BoundedCache(10)
    cache.put("a", 1, 4)
    cache.put("b", 2, 4)
    assert cache.get("a") == 1
    cache.put("c", 3, 4)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    cache.put("a", 5, 2)
    assert cache.cost == 6
    cache.put("huge", 9, 11)
    assert cache.get("huge") is None
    assert cache.cost <= 10
