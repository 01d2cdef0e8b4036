"""A task without an end that ends when its DAG is paused."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from candlehouse_airflow.runtime.pausing import stopping_when_paused


class Reader:
    """A task instance that is asked for its DAG."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def get_dag(self, dag_id: str) -> SimpleNamespace:
        self.asked.append(dag_id)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(is_paused=answer)


def make_context(reader: Reader) -> Any:
    return {"ti": reader, "dag_run": SimpleNamespace(dag_id="stream_candles_a")}


def test_pausing_the_dag_stops_the_task_though_airflow_was_away_for_a_while() -> None:
    stop = threading.Event()
    reader = Reader(False, ConnectionError("no api-server"), True)

    with stopping_when_paused(make_context(reader), stop, look_s=0.01):
        assert stop.wait(30)
    assert reader.asked == ["stream_candles_a"] * 3


def test_task_of_a_dag_that_is_not_paused_goes_on_and_is_asked_about_no_more_at_its_end() -> None:
    stop = threading.Event()
    reader = Reader(False)

    with stopping_when_paused(make_context(reader), stop, look_s=0.01):
        while len(reader.asked) < 3:
            stop.wait(0.01)
    asked = len(reader.asked)
    stop.wait(0.1)

    assert not stop.is_set()
    assert len(reader.asked) <= asked + 1
