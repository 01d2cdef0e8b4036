"""CPU time is counted for what processes are there for, those that end quickly too."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.measuring.usage import Usage, find_kind, subtract

# Begins three children one after another, each of which ends by itself, and says what all used.
PARENT = """
import json, resource, subprocess, sys
for _ in range(3):
    subprocess.run([sys.executable, "-c", "sum(i * i for i in range(2_000_000))"], check=True)
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps(sum(one.ru_utime + one.ru_stime for one in used)), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("/venv/bin/python -m candlehouse run", "run"),
        ("/venv/bin/python -m candlehouse collect backward --quiet", "command"),
        ("/venv/bin/python -m exchange_sim --port 1", "stand-in"),
        ("/venv/bin/python -m airflow scheduler --skip-serve-logs", "scheduler"),
        ("airflow api_server -- host:127.0.0.1 port:8080", "api-server"),
        ("airflow worker -- LocalExecutor: <idle>", "tasks"),
        ("airflow worker -- 0198", "tasks"),
        ("postgres: airflow airflow 127.0.0.1(4) idle", "database: Airflow's tables"),
        ("postgres: candlehouse candlehouse 127.0.0.1(4) COPY", "database: warehouse"),
        ("postgres: walwriter ", "database: server"),
        ("/usr/bin/python -c pass", None),
    ],
)
def test_title_names_a_kind(title: str, kind: str | None) -> None:
    assert find_kind(title) == kind


def test_what_children_used_counts_for_the_kind_above_them_after_they_ended() -> None:
    command = [sys.executable, "-c", PARENT, "-m exchange_sim"]
    with Usage(os.getpid()) as usage:
        before = usage.seconds()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            told_s = json.loads(parent.stdout.readline())
            used = subtract(usage.seconds(), before)
            assert usage.memory_mb()["stand-in"] > 1
            parent.communicate()
    assert used["stand-in"] == pytest.approx(told_s, rel=0.1, abs=0.1)
    assert usage.counts()["stand-in"] >= 1
