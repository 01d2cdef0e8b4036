"""What benchmarks bring, summed up over their runs: medians, and ratios within one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        out: folder of the results, and of environments that are made for peers.
        repeats: runs of everything.
        decode_s: of each peer's run.
        throughput_s: of each run of the writing path.
        rates: of the writing path, in messages a second.
        candles: sizes of the warehouses that are validated and asked whether they are complete.
        symbols: of the history that is loaded, None for each part's own number.
        days: of that history.
        limited_days: of the history that is fetched under the exchange's real limit.
        idle_s: that the stack is watched when nothing happens.
    """

    out: Path
    repeats: int = 3
    decode_s: float = 15.0
    throughput_s: float = 60.0
    rates: tuple[int, ...] = (40_000, 1_000)
    candles: tuple[int, ...] = (1_000_000, 10_000_000, 25_000_000)
    symbols: int | None = None
    days: int = 365
    limited_days: int = 31
    idle_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one subject.

    Attributes:
        case: what was asked of all its subjects.
        subject: who did it; the first one of a case is what others are compared with.
        run: number of the repeat; ratios are taken inside one.
        figures: by their name, unit included; empty when it did not run.
        compare: the figure that is compared.
        note: what a reader must know.
        details: for the machine-readable results only.
    """

    part: str
    case: str
    subject: str
    run: int
    figures: Mapping[str, float | None] = field(default_factory=dict)
    compare: str = ""
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """The runs of one subject in one case.

    Attributes:
        figures: medians.
        ratio: median of the ratios to the first subject.
        runs: how many of them brought figures.
        notes: distinct ones.
    """

    subject: str
    figures: Mapping[str, float | None]
    ratio: float | None
    runs: int
    notes: tuple[str, ...]


def sum_up(results: Sequence[Result]) -> list[Row]:
    """A row for each subject of one case, in the order of their first results."""
    subjects = list(dict.fromkeys(result.subject for result in results))
    base = {result.run: result for result in results if result.subject == subjects[0]}
    return [
        _sum_up_subject([result for result in results if result.subject == subject], base)
        for subject in subjects
    ]


def _sum_up_subject(results: Sequence[Result], base: Mapping[int, Result]) -> Row:
    names = dict.fromkeys(name for result in results for name in result.figures)
    ratios = [
        ratio for result in results if (ratio := _ratio(result, base.get(result.run))) is not None
    ]
    return Row(
        subject=results[0].subject,
        figures={name: _median(result.figures.get(name) for result in results) for name in names},
        ratio=_median(ratios),
        runs=sum(bool(result.figures) for result in results),
        notes=tuple(dict.fromkeys(result.note for result in results if result.note)),
    )


def _ratio(result: Result, base: Result | None) -> float | None:
    if base is None:
        return None
    ours, theirs = base.figures.get(result.compare), result.figures.get(result.compare)
    return theirs / ours if ours and theirs is not None else None


def _median(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return median(present) if present else None


def as_json(result: Result) -> dict[str, Any]:
    """Everything that is known of a run."""
    return asdict(result)
