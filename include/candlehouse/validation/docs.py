"""Data Docs: one page per run and a list of the runs, readable without network access.

The pages of Great Expectations are not used: their styles, scripts and fonts come from five other
hosts, the list of runs stays empty without these scripts, and a site outside of its context's
folder is deleted by the next build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import Path

from candlehouse.core.validating.validation_windows import Outcome

# The number of pages kept; results of older runs stay in the database.
KEPT = 100
INDEX = "index.html"
_PAGE = re.compile(r"run-(\d+)\.html")
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }
table { border-collapse: collapse; margin: .5em 0 1.5em; width: 100% }
th, td { border-bottom: 1px solid #8884; padding: .25em .6em; text-align: left }
th, td { vertical-align: top }
td.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap }
td table { font: 12px/1.4 ui-monospace, monospace; margin: 0 }
.good { color: #197a32 } .warned { color: #9a6700 } .broken { color: #c3202f; font-weight: bold }
@media (prefers-color-scheme: dark) {
    body { background: #14171a; color: #dde } a { color: #8bf }
    .good { color: #5c5 } .warned { color: #eb4 } .broken { color: #f77 }
}
"""


def find_pages(folder: Path) -> list[int]:
    """Numbers of the runs that have a page, the newest first."""
    found = (_PAGE.fullmatch(path.name) for path in folder.glob("run-*.html"))
    return sorted((int(match[1]) for match in found if match), reverse=True)


def write_run(
    folder: Path, run_id: int, facts: Mapping[str, str], outcomes: Sequence[Outcome]
) -> Path:
    """Writes the page of a run, and deletes the oldest pages beyond `KEPT`.

    Args:
        folder: created if it does not exist.
        run_id: names the page.
        facts: shown at the top of the page, value by name.
        outcomes: in the order of their suites.

    Returns:
        Path of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{run_id}.html"
    _replace(path, render_run(run_id, facts, outcomes))
    for old in find_pages(folder)[KEPT:]:
        (folder / f"run-{old}.html").unlink(missing_ok=True)
    return path


def write_index(folder: Path, runs: Iterable[Mapping[str, object]]) -> None:
    """Writes the list of runs.

    Args:
        folder: of their pages.
        runs: the newest first; cells by column name, with the run's number as `run`.
    """
    _replace(folder / INDEX, render_index(list(runs)))


def render_run(run_id: int, facts: Mapping[str, str], outcomes: Sequence[Outcome]) -> str:
    """The HTML page of a run: failed expectations first, then every suite."""
    failed = [one for one in outcomes if not one.success]
    parts = [_facts(facts)]
    if failed:
        parts += ["<h2>Failed expectations</h2>", _outcomes(failed)]
    for suite, members in groupby(sorted(outcomes, key=_order), key=lambda one: one.suite):
        parts += [f"<h2>{escape(suite)}</h2>", _outcomes(list(members))]
    parts.append(f'<p><a href="{INDEX}">all runs</a></p>')
    return _page(f"Validation {run_id}", parts)


def render_index(runs: Sequence[Mapping[str, object]]) -> str:
    """The HTML list of runs, each with a link to its page."""
    if not runs:
        return _page("Validations", ["<p>None yet.</p>"])
    heads = "".join(f"<th>{escape(name)}</th>" for name in runs[0])
    rows = "".join(
        "<tr>" + "".join(_index_cell(name, value) for name, value in run.items()) + "</tr>"
        for run in runs
    )
    return _page("Validations", [f"<table><tr>{heads}</tr>{rows}</table>"])


def format_moment(moment: datetime | None) -> str:
    """A moment for people, in UTC; empty for None."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _index_cell(name: str, value: object) -> str:
    text = escape(str(value))
    if name == "run":
        return f'<td><a href="run-{text}.html">{text}</a></td>'
    if name == "result":
        return f'<td class="{"good" if value == "good" else "broken"}">{text}</td>'
    return f"<td>{text}</td>"


def _order(outcome: Outcome) -> tuple[str, float, str]:
    length = 0.0 if outcome.timeframe is None else outcome.timeframe.length.total_seconds()
    return outcome.suite, length, outcome.expectation


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    return f"<table>{rows}</table>"


def _outcomes(outcomes: Sequence[Outcome]) -> str:
    heads = (
        "<tr><th></th><th>timeframe</th><th>must be</th><th>checked</th><th>unexpected</th></tr>"
    )
    return f"<table>{heads}{''.join(_outcome(one) for one in outcomes)}</table>"


def _outcome(one: Outcome) -> str:
    word = "good" if one.success else "broken" if one.fails_run else "warned"
    text = escape(one.expectation)
    if one.exception is not None:
        text += f"<br>could not be evaluated: {escape(one.exception)}"
    if one.samples:
        text += _samples(one.samples)
    return (
        f'<tr><td class="{word}">{word}</td><td>{one.timeframe or ""}</td><td>{text}</td>'
        f'<td class="number">{one.checked:,}</td><td class="number">{one.unexpected:,}</td></tr>'
    )


def _samples(samples: Sequence[Mapping[str, str | None]]) -> str:
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(sample.get(name) or '')}</td>" for name in names) + "</tr>"
        for sample in samples
    )
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _page(title: str, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _replace(path: Path, text: str) -> None:
    # Atomic: a reader sees either the old page or the new page.
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
