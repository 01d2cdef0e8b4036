"""Child processes that are told what to do by lines of JSON, and answer likewise.

A child ends when its input does, so that none outlives whoever started it; and it is no
member of the terminal's foreground group, so that Ctrl-C reaches the parent alone.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import candlehouse

TESTS = Path(__file__).parents[2]
# Before anything is pinned.
ALL_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
_END_S = 5.0
_LOOK_S = 0.5
_TOLD = 600


class ChildFailed(Exception):
    """A child ended or kept silent; the text has the end of what it complained of."""


class Child:
    """A running module; ends with the `with` block.

    Args:
        module: what `python -m` runs; told lines go to its standard input.
        arguments: of the module.
        cores: on which it may run; empty for any.
        python: the interpreter.
        environ: instead of this process's.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        cores: Sequence[int] = (),
        python: str = sys.executable,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by __exit__
        paths = [str(TESTS), str(Path(candlehouse.__file__).parents[1])]
        self.process = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=TESTS,
            env={**environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        pin(cores, self.process.pid)
        self._name = module.rpartition(".")[2]
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self.process
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        for end in (process.terminate, process.kill):
            try:
                process.wait(_END_S)
                break
            except subprocess.TimeoutExpired:
                end()
        process.wait()
        self._reader.join()
        assert process.stdout is not None
        process.stdout.close()
        self._errors.close()

    def tell(self, **command: object) -> None:
        """Gives it something to do."""
        assert self.process.stdin is not None
        try:
            print(json.dumps(command), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise self._failure("does not listen any more") from None

    def expect(
        self, event: str, timeout_s: float, needs: Child | None = None, **values: object
    ) -> dict[str, Any]:
        """Waits for an event that has these values; what comes before it is left out.

        Args:
            event: its name, empty for any.
            timeout_s: how long to wait.
            needs: another child, without which it will not come.
            values: that it must have.

        Raises:
            ChildFailed: when it does not come.
        """
        until = time.monotonic() + timeout_s
        while (left_s := until - time.monotonic()) > 0:
            if needs is not None and needs.process.poll() is not None:
                raise needs._failure("ended")
            try:
                line = self._lines.get(timeout=min(left_s, _LOOK_S))
            except queue.Empty:
                continue
            if line is None:
                raise self._failure(f"ended before {event!r}")
            if not line.startswith("{"):
                continue
            told: dict[str, Any] = json.loads(line)
            if event in ("", told["event"]) and all(told.get(k) == v for k, v in values.items()):
                return told
        raise self._failure(f"said nothing of {event!r} in {timeout_s:g} s")

    def collect(self, kind: str, last: str, timeout_s: float) -> list[dict[str, Any]]:
        """All events of a kind up to and with the last one.

        Raises:
            ChildFailed: when the last one does not come.
        """
        events = []
        while True:
            told = self.expect("", timeout_s)
            if told["event"] in (kind, last):
                events.append(told)
            if told["event"] == last:
                return events

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _failure(self, what: str) -> ChildFailed:
        self._errors.seek(0)
        complaint = " ".join(self._errors.read().split())[-_TOLD:]
        return ChildFailed(f"{self._name} {what}: {complaint}".rstrip(": "))


def pin(cores: Sequence[int], pid: int = 0) -> None:
    """Keeps a process, and what it starts from now on, on some cores; Linux alone can."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, cores)


def split_cores() -> tuple[list[int], list[int]]:
    """A core for what is measured, and those for everything else; the same if there is one."""
    return ALL_CORES[:1], ALL_CORES[1:] or ALL_CORES
