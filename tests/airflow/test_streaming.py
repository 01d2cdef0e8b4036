"""The edge of Airflow that streams: how its task starts and ends, and what waits before it."""

from __future__ import annotations

import asyncio
import copy
import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from candlehouse.core.universe.ranking import Member
from candlehouse.storage.live.stream_sessions import write_control
from candlehouse.storage.universe.catalog import Snapshot, insert_snapshot

NOW = datetime(2024, 3, 10, tzinfo=UTC)
CONTEXT: Any = {
    "params": {"symbols": "", "timeframes": ["1m"]},
    "ti": SimpleNamespace(get_dag=lambda _: SimpleNamespace(is_paused=False)),
    "dag_run": SimpleNamespace(dag_id="stream_candles_a"),
}
WRITERS = "SELECT count(*) FROM market.stream_sessions WHERE role = 'writer' AND ended_at IS NULL"


def choose_universe(market: Any) -> None:
    with market.engine.begin() as connection:
        insert_snapshot(connection, Snapshot(NOW, "settings", (Member(1, "BTCUSDT", "BTC"),)))


def switch(market: Any, running: bool) -> None:
    with market.engine.begin() as connection:
        write_control(connection, running, "test")


def test_task_streams_until_it_is_killed(market: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from candlehouse.settings import load_settings
    from candlehouse_airflow.tasks import streaming

    choose_universe(market)
    tied: list[bool] = []
    monkeypatch.setattr(streaming, "die_with_parent", lambda: tied.append(True))
    # Connections of Airflow exist inside its tasks only.
    monkeypatch.setattr(streaming, "load_task_settings", load_settings)
    operator = streaming.StreamOperator(task_id="stream")
    ends: list[str] = []
    thread = threading.Thread(target=lambda: ends.append(operator.execute(CONTEXT)))
    thread.start()
    try:
        until = time.monotonic() + 60
        while market.read(WRITERS) != [(1,)] and thread.is_alive():
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        operator.on_kill()
        thread.join(60)
    assert (ends, tied) == (["stopped"], [True])


def test_operator_can_be_copied_with_its_dag() -> None:
    from candlehouse_airflow.tasks.streaming import StreamOperator

    operator = StreamOperator(task_id="stream")
    copied = copy.deepcopy(operator)
    copied.on_kill()
    assert copied.task_id == "stream"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_task_dies_with_its_supervisor() -> None:
    child = (
        "from candlehouse.process import die_with_parent; die_with_parent(); print(1, flush=True)"
    )
    program = textwrap.dedent(
        f"""
        import subprocess, sys, time
        child = subprocess.Popen(
            [sys.executable, "-c", {child + "; import time; time.sleep(300)"!r}],
            stdout=subprocess.PIPE,
        )
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(300)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent:
        orphan = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _, alive = psutil.wait_procs([orphan], timeout=30)
    assert not alive or orphan.status() == psutil.STATUS_ZOMBIE


def make_sensor() -> Any:
    from candlehouse_airflow.dag_parts.readiness import ReadinessSensor

    return ReadinessSensor(task_id="wait", poke_interval=0.05)


def test_sensor_passes_at_once_when_all_is_there(market: Any) -> None:
    choose_universe(market)
    make_sensor().execute({})


def test_sensor_leaves_waiting_to_the_triggerer(market: Any) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as deferred:
        make_sensor().execute({})
    assert deferred.value.method_name == "resume"
    path, arguments = deferred.value.trigger.serialize()
    assert path == "candlehouse_airflow.dag_parts.readiness.ReadinessTrigger"
    assert arguments == {"poll_s": 0.05}
    make_sensor().resume({}, "ready")


async def fire() -> Any:
    from candlehouse_airflow.dag_parts.readiness import ReadinessTrigger

    async for event in ReadinessTrigger(0.05).run():
        return event.payload
    return None


def test_trigger_fires_when_streaming_is_switched_on(market: Any) -> None:
    choose_universe(market)
    switch(market, False)

    async def wait_and_switch() -> None:
        waiting = asyncio.create_task(fire())
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await asyncio.to_thread(switch, market, True)
        assert await asyncio.wait_for(waiting, 30) == "ready"

    asyncio.run(wait_and_switch())


@pytest.mark.parametrize("what", ["database", "schema", "exchange"])
def test_trigger_waits_without_an_error_for_what_is_missing(
    market: Any, monkeypatch: pytest.MonkeyPatch, what: str, empty_database: Any
) -> None:
    choose_universe(market)
    name, value = {
        "database": ("CANDLEHOUSE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none"),
        "schema": ("CANDLEHOUSE_DATABASE_URL", empty_database()),
        "exchange": ("BINANCE_REST_URL", "http://127.0.0.1:1"),
    }[what]
    before = os.environ[name]

    async def wait_and_mend() -> None:
        monkeypatch.setenv(name, value)
        waiting = asyncio.create_task(fire())
        await asyncio.sleep(0.5)
        assert not waiting.done()
        monkeypatch.setenv(name, before)
        assert await asyncio.wait_for(waiting, 30) == "ready"

    asyncio.run(wait_and_mend())


def test_readiness_names_what_is_missing(market: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from candlehouse_airflow.dag_parts.readiness import find_obstacle

    assert find_obstacle() == "there is no universe yet"
    switch(market, False)
    assert find_obstacle() == "streaming is switched off"
    monkeypatch.setenv("STREAM_FLUSH_MS", "soon")
    assert "STREAM_FLUSH_MS" in str(find_obstacle())
