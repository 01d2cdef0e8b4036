"""Whatever arrives, nothing crashes, nothing wrong is stored, and what is refused is kept.

`make fuzz` runs a hundred thousand cases, `make test` some thousand of the same kinds. A case
is made from the seed, its kind and its index alone: CANDLEHOUSE_SEED and CANDLEHOUSE_CASE
(such as "archive 17", or "rest shape 3" of those that hypothesis draws, for which
CANDLEHOUSE_CASES must be the same as well) repeat it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as configure
from hypothesis.strategies import SearchStrategy
from sqlalchemy import Engine

from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from fuzz import archives, frames, rest

_T = TypeVar("_T")

# Cases in all, over both kinds of warehouse.
CASES = int(os.environ.get("CANDLEHOUSE_CASES", "3000"))
SEED = int(os.environ.get("CANDLEHOUSE_SEED", "20261121"))
ONLY = os.environ.get("CANDLEHOUSE_CASE", "")
_BATCH = 270
# Of a hundred cases: damaged ones of each kind, and those that hypothesis draws of each.
_SHARES = {"rest": 25, "archive": 25, "frame": 30, "other": 8}
_DRAWN = 4


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


def draw(strategy: SearchStrategy[_T], count: int) -> list[_T]:
    """What hypothesis makes of a strategy, the same for one seed."""
    drawn: list[_T] = []

    @hypothesis.seed(SEED)
    @configure(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: _T) -> None:
        drawn.append(value)

    collect()
    return drawn


@pytest.mark.parametrize("kind", ["rest", "archive", "frame", "other"])
def test_damaged_input_neither_crashes_nor_stores_anything_wrong(engine: Engine, kind: str) -> None:
    print(f"CANDLEHOUSE_SEED={SEED}")
    numbers, shapes = choose_cases(kind)
    if not numbers and not shapes:
        pytest.skip(f"CANDLEHOUSE_CASE={ONLY} is of another kind")
    batches = [*split(numbers), *split(shapes)]
    wrong = [line for batch in batches for line in _RUNS[kind](engine, batch)]
    shown = "\n".join(wrong[:30])
    assert not wrong, f"CANDLEHOUSE_SEED={SEED}: {len(wrong)} wrong\n{shown}"
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []


def choose_cases(kind: str) -> tuple[list[int], list[tuple[int, Any]]]:
    """Indexes of damaged cases, and what hypothesis draws with theirs."""
    name, _, index = ONLY.rpartition(" ")
    if name == kind:
        return [int(index)], []
    if ONLY and name != f"{kind} shape":
        return [], []
    drawn = draw(_DRAWINGS[kind], count(_DRAWN)) if kind in _DRAWINGS else []
    shapes = list(enumerate(drawn))
    if ONLY:
        return [], [shapes[int(index)]]
    return list(range(count(_SHARES[kind]))), shapes


def count(share: int) -> int:
    """Cases of one kind on one warehouse."""
    return CASES // 2 * share // 100


def split(cases: Sequence[_T]) -> list[Sequence[_T]]:
    return [cases[at : at + _BATCH] for at in range(0, len(cases), _BATCH)]


def run_rest(engine: Engine, batch: Sequence[int | tuple[int, object]]) -> list[str]:
    cases = [
        rest.make_case(SEED, one)
        if isinstance(one, int)
        else rest.shaped(one[0], json.dumps(one[1]).encode())
        for one in batch
    ]
    return rest.run(engine, cases)


def run_archives(engine: Engine, batch: Sequence[int | tuple[int, str]]) -> list[str]:
    zips = [
        archives.make_case(SEED, one)
        if isinstance(one, int)
        else archives.shaped(one[0], one[1].encode("utf-8", "surrogatepass"))
        for one in batch
    ]
    return archives.run(engine, zips)


def run_frames(engine: Engine, batch: Sequence[int | tuple[int, bytes]]) -> list[str]:
    cases = [
        frames.make_case(SEED, one) if isinstance(one, int) else frames.shaped(*one)
        for one in batch
    ]
    return frames.run(engine, cases)


def run_others(engine: Engine, batch: Sequence[int]) -> list[str]:
    return rest.run_others(engine, SEED, batch)


_RUNS: dict[str, Callable[[Engine, Sequence[Any]], list[str]]] = {
    "rest": run_rest,
    "archive": run_archives,
    "frame": run_frames,
    "other": run_others,
}
_DRAWINGS: dict[str, SearchStrategy[Any]] = {
    "rest": rest.ANSWERS,
    "archive": archives.TEXTS,
    "frame": frames.MESSAGES,
}
