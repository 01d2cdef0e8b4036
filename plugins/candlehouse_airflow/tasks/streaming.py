"""The task that streams: one live session, started and stopped by Airflow."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context

from candlehouse.process import die_with_parent
from candlehouse_airflow.dag_parts.forms import read_form, read_symbols, read_timeframes
from candlehouse_airflow.dag_parts.readiness import ReadinessSensor
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.pausing import stopping_when_paused
from candlehouse_airflow.runtime.resources import load_task_settings, open_warehouse

POOL = "stream"
# However often the task is killed, it is soon tried again, and is then the standby.
_TRIES: dict[str, Any] = {
    "retries": 1_000_000,
    "retry_delay": timedelta(seconds=1),
    "max_retry_delay": timedelta(seconds=10),
    "execution_timeout": None,
}
_LOOK_S = 2.0

_log = logging.getLogger(__name__)


def wire_stream() -> None:
    """Creates the tasks of one streaming DAG; call inside the DAG's function."""
    ready = ReadinessSensor(task_id="wait_until_ready", poke_interval=_LOOK_S, **_TRIES)
    ready >> StreamOperator(task_id="stream", pool=POOL, **_TRIES)


class StreamOperator(BaseOperator):
    """Streams until the task is ended, streaming is switched off, or a handover is due."""

    # Airflow deep-copies operators when it takes a part of a DAG; an event cannot be copied.
    shallow_copy_attrs = ("_stop",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._stop = threading.Event()

    def execute(self, context: Context) -> str:
        """Runs one session.

        Returns:
            Why the session ended: a value of `Ending`.
        """
        # Airflow notices only after minutes that the task's supervisor was killed. The task
        # would go on until then.
        die_with_parent()
        with airflow_failures(), stopping_when_paused(context, self._stop):
            ending = self._stream(context)
        _log.info("streaming ended: %s", ending)
        return ending

    def on_kill(self) -> None:
        """Ends the session gracefully; Airflow calls this while `execute` runs."""
        self._stop.set()

    def _stream(self, context: Context) -> str:
        import uvloop

        from candlehouse.pipelines.live.deployed import find_version
        from candlehouse.pipelines.live.session import run_live
        from candlehouse.pipelines.live.session_options import LiveOptions

        form = read_form(context)
        settings = load_task_settings()
        options = LiveOptions(
            read_timeframes(form, settings.stream_timeframes),
            read_symbols(form),
            run=settings.stream_run,
            version=find_version,
        )
        with (
            open_warehouse(settings) as warehouse,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(run_live(warehouse, options, self._stop.is_set)).value
