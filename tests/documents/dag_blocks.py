"""Parts of the reference that come from the DAG files, read without importing Airflow."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from documents.code_blocks import render_table as render_rows
from support.places import PROJECT

_FORMS = {
    "series_params": "symbols, timeframes",
    "historical_params": "symbols, timeframes, start, end",
    "month_params": "symbols, timeframes, start, end",
}


@dataclass(frozen=True)
class DagFile:
    """What a file of `dags/` says of its DAGs.

    Attributes:
        ids: the names of its DAGs.
        doc: the page that people see in the web UI.
        schedule: the source of the argument.
        form: fields of the trigger form.
    """

    name: str
    ids: tuple[str, ...]
    doc: str
    schedule: str
    form: str


def read_dags() -> list[DagFile]:
    """Every DAG file, by name."""
    return [_read(path.stem, path.read_text()) for path in sorted(PROJECT.glob("dags/*.py"))]


def render_table() -> str:
    """A line per DAG file: names, schedule, form, what it does."""
    rows = [
        (
            ", ".join(f"`{name}`" for name in dag.ids),
            _word_schedule(dag.schedule),
            ", ".join(f"`{field}`" for field in dag.form.split(", ")),
            dag.doc.partition("\n")[0],
        )
        for dag in read_dags()
    ]
    return render_rows(("DAG", "schedule (UTC)", "trigger form", "does"), rows)


def render_pages() -> str:
    """The page of every DAG, as the web UI shows it."""
    parts = [f"### {' and '.join(dag.ids)}\n\n{dag.doc.strip()}" for dag in read_dags()]
    return "\n" + "\n\n".join(parts) + "\n"


def _read(name: str, source: str) -> DagFile:
    tree = ast.parse(source)
    call = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dag"
    )
    arguments = {keyword.arg: keyword.value for keyword in call.keywords}
    form = arguments["params"]
    assert isinstance(form, ast.Call)
    assert isinstance(form.func, ast.Name)
    doc = ast.get_docstring(tree)
    assert doc is not None, name
    schedule = ast.unparse(arguments["schedule"])
    return DagFile(name, _read_ids(tree, arguments["dag_id"]), doc, schedule, _FORMS[form.func.id])


def _read_ids(tree: ast.Module, value: ast.expr) -> tuple[str, ...]:
    if isinstance(value, ast.Constant):
        return (str(value.value),)
    # A file that makes several has a loop over their endings.
    loop = next(node for node in ast.walk(tree) if isinstance(node, ast.For))
    assert isinstance(value, ast.JoinedStr)
    return tuple(
        "".join(
            str(part.value) if isinstance(part, ast.Constant) else ending for part in value.values
        )
        for ending in ast.literal_eval(loop.iter)
    )


def _word_schedule(source: str) -> str:
    """The schedule in words, with its cron expression."""
    crons = re.findall(r"(?:cron|Timetable)\('([^']+)'", source)
    words = f"`{crons[0]}`" if crons else ""
    if "collection_schedule" in source:
        words = "`COLLECTION_SCHEDULE`"
    if "CronDataIntervalTimetable" in source:
        words += ", one run per month that is over"
    if "AssetOrTimeSchedule" in source:
        asset = source.partition("assets=[")[2].partition("]")[0]
        words += f", and on the asset `{_asset(asset)}`"
    if source == "None":
        return "only when triggered"
    return words or f"`{source.strip(chr(39))}`"


def _asset(constant: str) -> str:
    """The name of the asset that a constant stands for."""
    folder = PROJECT / "plugins/candlehouse_airflow/dag_parts"
    for path in sorted(folder.glob("*.py")):
        found = re.search(rf'^{constant} = Asset\(\s*"(\w+)"', path.read_text(), re.MULTILINE)
        if found:
            return found[1]
    raise LookupError(f"no asset is named {constant}")
