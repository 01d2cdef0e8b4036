"""Results as tables for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measuring.results import Result, as_json, sum_up


def write_report(folder: Path, machine: Mapping[str, str], results: Sequence[Result]) -> Path:
    """Writes `results.md` and `results.json`, replacing those of the last time.

    Returns:
        The path of the readable one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"machine": machine, "results": [as_json(result) for result in results]}
    (folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n")
    path = folder / "results.md"
    path.write_text(render(machine, results))
    return path


def render(machine: Mapping[str, str], results: Sequence[Result]) -> str:
    """The tables of all parts, medians over the runs."""
    lines = ["# Benchmarks", "", *(f"- {name}: {value}" for name, value in machine.items())]
    cases: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        cases.setdefault((result.part, result.case), []).append(result)
    for (part, case), members in cases.items():
        lines += ["", f"## {part}: {case}", "", *_table(members)]
    return "\n".join(lines) + "\n"


def _table(results: Sequence[Result]) -> list[str]:
    """A column for each subject: there are more figures than subjects."""
    rows = sum_up(results)
    lines = [_line(["", *(row.subject for row in rows)]), _line(["---", *["---:"] * len(rows)])]
    for name in dict.fromkeys(name for row in rows for name in row.figures):
        lines.append(_line([name, *(_format(row.figures.get(name)) for row in rows)]))
    if compare := results[0].compare:
        lines.append(_line([f"{compare}, ratio", *(_format(row.ratio) for row in rows)]))
    lines.append(_line(["runs", *(str(row.runs) for row in rows)]))
    notes = [f"- {row.subject}: {note}" for row in rows for note in row.notes]
    return [*lines, "", *notes] if notes else lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
