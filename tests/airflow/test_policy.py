"""What has to hold for every DAG and for the plugins folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.servers.airflow_dags import PROJECT, load_dags

DAGS = {
    "backfill_universe",
    "refresh_universe",
    "collect_backward",
    "collect_forward",
    "fill_gaps",
    "maintain_warehouse",
    "reconcile_candles",
    "stream_candles_a",
    "stream_candles_b",
    "validate_candles",
    "watch_warehouse",
}
# Files that make more than one DAG.
SLOTTED = {"stream_candles"}
HISTORICAL = {
    "backfill_universe",
    "collect_backward",
    "fill_gaps",
    "reconcile_candles",
    "validate_candles",
}
PLUGIN = PROJECT / "plugins/candlehouse_airflow"
HEAVY = ("ccxt", "pandas", "great_expectations", "aiohttp", "websockets")


@pytest.fixture(scope="module")
def dags() -> Mapping[str, Any]:
    return load_dags()


def test_dags_have_exactly_the_promised_names(dags: Mapping[str, Any]) -> None:
    assert set(dags) == DAGS


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_dag_explains_itself(dags: Mapping[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]
    assert "candlehouse" in dag.tags
    assert dag.description == dag.doc_md.splitlines()[0]
    for part in ("**Does**", "**Reads**", "**Writes**", "**When it fails**"):
        assert part in dag.doc_md
    wanted = {"symbols", "timeframes"} | ({"start", "end"} if dag_id in HISTORICAL else set())
    assert set(dag.params) == wanted


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_every_task_has_an_owner_and_retries(dags: Mapping[str, Any], dag_id: str) -> None:
    for task in dags[dag_id].tasks:
        assert task.owner == "candlehouse"
        assert task.retries >= 1
        assert task.retry_exponential_backoff
        assert task.has_retry_policy


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_schedule_has_a_fixed_start_and_runs_are_bounded(
    dags: Mapping[str, Any], dag_id: str
) -> None:
    dag = dags[dag_id]
    assert dag.start_date == load_dags()[dag_id].start_date
    assert dag.start_date < datetime(2026, 1, 1, tzinfo=UTC)
    assert dag.catchup is (dag_id == "collect_backward")
    assert dag.max_active_runs == (3 if dag_id == "collect_backward" else 1)


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_only_an_unmapped_task_that_may_be_the_last_is_an_outlet(
    dags: Mapping[str, Any], dag_id: str
) -> None:
    for task in dags[dag_id].tasks:
        if task.outlets:
            assert not task.downstream_task_ids or task.task_id == "plan"
            assert not task.is_mapped
            assert len(dags[dag_id].leaves) == 1


def test_newest_candles_are_one_task_and_history_as_few_as_it_needs(
    dags: Mapping[str, Any],
) -> None:
    assert list(dags["collect_forward"].task_dict) == ["collect"]
    for dag_id in ("collect_backward", "fill_gaps"):
        assert list(dags[dag_id].task_dict) == ["plan", "collect", "judge"]
        assert dags[dag_id].get_task("collect").map_index_template == "{{ label }}"


def test_outlets_are_the_assets_of_the_timeframes(
    dags: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def outlets(found: Mapping[str, Any]) -> dict[str, list[str]]:
        return {
            dag_id: list(dict.fromkeys(asset.name for task in dag.tasks for asset in task.outlets))
            for dag_id, dag in found.items()
        }

    candles = ["candles_5m", "candles_1h"]
    assert outlets(dags) == {
        "backfill_universe": ["universe"],
        "refresh_universe": ["universe"],
        "collect_backward": candles,
        "collect_forward": candles,
        "fill_gaps": ["candles_5m", "candles_1h", "candles_1m", "candles_15m"],
        "maintain_warehouse": [],
        "reconcile_candles": [],
        "stream_candles_a": [],
        "stream_candles_b": [],
        "validate_candles": [],
        "watch_warehouse": [],
    }
    monkeypatch.setenv("TIMEFRAMES", "1d")
    assert outlets(load_dags())["collect_forward"] == ["candles_1d"]


def test_history_begins_in_the_month_of_the_start_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTION_START_DATE", "2023-05-17")
    monkeypatch.setenv("COLLECTION_SCHEDULE", "*/7 * * * *")
    found = load_dags()
    assert found["collect_backward"].start_date == datetime(2023, 5, 1, tzinfo=UTC)
    assert found["collect_forward"].schedule.expression == "*/7 * * * *"


def test_backward_dag_tells_the_traps_of_backfills(dags: Mapping[str, Any]) -> None:
    doc = " ".join(dags["collect_backward"].doc_md.split())
    assert "only months whose *first day* is inside its bounds" in doc
    assert "The current month cannot be backfilled" in doc
    assert "*All Runs* as Reprocess Behavior (`--reprocess-behavior completed`)" in doc
    assert "lists the run of January at 02-01: its note says which month it is" in doc


@pytest.mark.parametrize("path", sorted((PROJECT / "dags").glob("*.py")), ids=lambda p: p.name)
def test_dag_file_only_wires(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert "datetime.now" not in text
    assert "utcnow" not in text
    assert path.stem in DAGS | SLOTTED


# What each program has imported, in one process of their own, for Airflow takes seconds to
# start: parsing and plugins first, for what they must not import is what preloading does.
IMPORTS = f"""
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow import plugins_manager
def imported(names):
    return [name for name in names if name in sys.modules]
before = imported({HEAVY!r})
bag = DagBag({str(PROJECT / "dags")!r})
parsing = [name for name in imported({HEAVY!r}) if name not in before]
plugins, errors = plugins_manager._get_plugins()
names = [plugin.name for plugin in plugins if plugin.name == "candlehouse"]
modules = imported({[p.stem for p in PLUGIN.glob("[!_]*.py")] + list(HEAVY)!r})
sys.path.append({str(PROJECT / "plugins")!r})
from candlehouse_airflow.runtime.preloading import on_starting
preloaded = {{}}
for part in ("dag-processor", "scheduler"):
    sys.argv = ["airflow", part]
    on_starting(None)
    preloaded[part] = imported(("ccxt", "candlehouse.pipelines.collecting.collect_run"))
print(json.dumps({{
    "dags": len(bag.dags), "errors": [*map(str, bag.import_errors), *map(str, errors)],
    "parsing": parsing, "names": names, "modules": modules, "preloaded": preloaded,
}}))
"""


@pytest.fixture(scope="module")
def imports() -> Mapping[str, Any]:
    """What parsing, plugins and preloading have imported, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "include")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_parsing_imports_nothing_heavy(imports: Mapping[str, Any]) -> None:
    assert (imports["dags"], imports["errors"]) == (len(DAGS), [])
    assert imports["parsing"] == []


def test_plugins_folder_registers_the_plugin_and_no_other_file(imports: Mapping[str, Any]) -> None:
    """Airflow runs every file below plugins/ under its bare name, unless it is ignored.

    `.airflowignore` must stay: without it a file such as `maintenance.py` would take the
    place of any other module of that name, in every component of Airflow.
    """
    assert imports["names"] == ["candlehouse"]
    assert imports["modules"] == []
    assert (PROJECT / "plugins/.airflowignore").read_text().split() == ["candlehouse_airflow/"]
    assert [p.name for p in (PROJECT / "plugins").glob("*.py")] == ["candlehouse_plugin.py"]


@pytest.mark.parametrize(("part", "imported"), [("scheduler", True), ("dag-processor", False)])
def test_scheduler_alone_imports_for_its_tasks_what_is_slow(
    imports: Mapping[str, Any], part: str, imported: bool
) -> None:
    slow = ["ccxt", "candlehouse.pipelines.collecting.collect_run"]
    assert imports["preloaded"][part] == (slow if imported else [])
