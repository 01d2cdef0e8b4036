from pathlib import Path

from candlehouse.stack.airflow import make_parts, prepare_command


def test_scheduler_is_started_after_all_that_its_tasks_need() -> None:
    parts = make_parts({"A": "1"})
    names = [part.name for part in parts]
    assert names == ["api-server", "dag-processor", "scheduler", "triggerer"]
    assert prepare_command(Path("pools.json"))[-1] == "pools.json"
