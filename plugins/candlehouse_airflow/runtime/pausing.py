"""Ends a task that runs forever when its DAG is paused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from airflow.sdk import Context

_log = logging.getLogger(__name__)

_LOOK_S = 10.0


class _Dag(Protocol):
    is_paused: bool


class _DagReader(Protocol):
    def get_dag(self, dag_id: str) -> _Dag: ...


@contextmanager
def stopping_when_paused(
    context: Context, stop: threading.Event, look_s: float = _LOOK_S
) -> Iterator[None]:
    """Sets `stop` within the block as soon as the run's DAG is paused.

    Airflow itself lets a running task of a paused DAG go on.

    Args:
        context: of the task.
        stop: that ends the task.
        look_s: seconds between two looks.
    """
    over = threading.Event()
    watch = threading.Thread(
        target=_watch,
        args=(context["ti"], context["dag_run"].dag_id, stop, over, look_s),
        name="pausing",
        daemon=True,
    )
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(
    reader: _DagReader,
    dag_id: str,
    stop: threading.Event,
    over: threading.Event,
    look_s: float,
) -> None:
    while not over.wait(look_s):
        try:
            paused = reader.get_dag(dag_id).is_paused
        except Exception as error:
            # While Airflow does not answer, the task goes on, and the next poll asks again.
            _log.debug("whether %s is paused is not known: %s", dag_id, error)
            continue
        if paused:
            _log.info("%s is paused", dag_id)
            stop.set()
            return
