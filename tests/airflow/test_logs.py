"""How logs are read, and what is noted on runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

MONTH = {
    "data_interval_start": datetime(2024, 1, 1, tzinfo=UTC),
    "data_interval_end": datetime(2024, 2, 1, tzinfo=UTC),
}


# Airflow leaves closing the file to the collector of garbage.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_log_of_a_running_task_is_read_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.utils.log import file_task_handler

    from candlehouse_airflow.runtime.log_reading import LOGGING_CONFIG, DiskTaskHandler

    def refuse(*_: object) -> None:
        raise AssertionError("a server of logs was asked")

    monkeypatch.setattr(file_task_handler, "_fetch_logs_from_service", refuse)
    monkeypatch.setattr(DiskTaskHandler, "_render_filename", lambda *_, **__: "task.log")
    executor = SimpleNamespace(get_task_log=lambda *_: ([], []))
    (tmp_path / "task.log").write_text('{"event": "collected", "level": "info"}\n')
    handler = DiskTaskHandler(str(tmp_path))
    handler.executor_instances = {"LocalExecutor": executor}  # type: ignore[dict-item]
    task = SimpleNamespace(
        state="running", try_number=1, executor="LocalExecutor", hostname="here", triggerer_job=None
    )
    lines, _ = handler.read(task)  # type: ignore[arg-type]
    told = [line.event for line in lines]  # type: ignore[union-attr]
    assert "collected" in told
    assert not [line for line in told if "Could not read" in line]
    kept = LOGGING_CONFIG["handlers"]["task"]["class"]
    assert kept == "candlehouse_airflow.runtime.log_reading.DiskTaskHandler"


def note(**run: Any) -> str | None:
    from candlehouse_airflow.runtime.labelling import on_dag_run_running

    values = {"dag_id": "collect_backward", "run_type": "scheduled", "note": None, **MONTH, **run}
    dag_run = SimpleNamespace(**values)
    on_dag_run_running(dag_run, "started")
    return dag_run.note


def test_run_of_a_month_says_which_one_it_is() -> None:
    told = "History of 2024-01: from 2024-01-01 up to 2024-02-01, UTC"
    assert note() == told
    assert note(run_type="backfill") == told
    # What people wrote stays, and what they start has its range in its form.
    assert note(note="again, after the outage") == "again, after the outage"
    assert note(run_type="manual") is None
    assert note(dag_id="fill_gaps") is None
