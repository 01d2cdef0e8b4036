from pathlib import Path

from candlehouse.stack.airflow import make_parts


def test_scheduler_is_started_after_all_that_its_tasks_need() -> None:
    parts = make_parts({"A": "1"}, Path("pools.json"))
    names = [part.name for part in parts]
    assert names == ["api-server", "pools", "dag-processor", "triggerer", "scheduler"]
    assert [part.name for part in parts if part.once] == ["pools"]
    assert parts[1].command[-1] == "pools.json"
