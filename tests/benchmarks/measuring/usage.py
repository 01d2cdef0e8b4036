"""CPU time and memory of many processes by what they are there for, from `/proc` (Linux alone).

A thread looks at every process twice a second. What one used after the last look at it is
known all the same, once its parent has waited for it, and counts for the kind of the children
that the parent has had.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK_S = 0.5
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
# What a process that no rule knows is called, and that has no parent with a kind.
OTHER = "other"

# Titles that name what a process is for; the first that fits counts. A child of which none
# does is of its parent's kind.
KINDS: Sequence[tuple[str, str]] = (
    (r"airflow worker", "tasks"),
    (r"-m airflow scheduler|airflow scheduler", "scheduler"),
    (r"-m airflow api-server|airflow api[-_]server", "api-server"),
    (r"-m airflow dag-processor|airflow dag-processor", "dag-processor"),
    (r"-m airflow triggerer|airflow triggerer", "triggerer"),
    (r"-m airflow|runtime\.preparing", "preparing Airflow"),
    (r"-m exchange_sim", "stand-in"),
    (r"^postgres: \S+ airflow ", "database: Airflow's tables"),
    (r"^postgres: \S+ candlehouse ", "database: warehouse"),
    (r"postgres", "database: server"),
    (r"-m candlehouse run", "run"),
    (r"-m candlehouse", "command"),
)


@dataclass(slots=True)
class _Seen:
    """A process as it was seen last; times in ticks."""

    parent: tuple[int, int]
    kind: str
    own: int = 0
    reaped: int = 0
    alive: bool = True


class Usage:
    """Watches some processes and all that they start, for the length of a `with` block.

    Args:
        roots: their process ids.
    """

    def __init__(self, *roots: int) -> None:
        self._roots = set(roots)
        self._seen: dict[tuple[int, int], _Seen] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._keep_looking, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watch.join()

    def seconds(self) -> Counter[str]:
        """CPU seconds so far of each kind, since each process began."""
        with self._lock:
            self._look_at_all()
            ticks = Counter[str]()
            for seen in self._seen.values():
                ticks[seen.kind] += seen.own
            for kind, unseen in self._find_unseen():
                ticks[kind] += unseen
        return Counter({kind: number * _TICK_S for kind, number in ticks.items()})

    def counts(self) -> Counter[str]:
        """How many processes of each kind there have been."""
        with self._lock:
            return Counter(seen.kind for seen in self._seen.values())

    def memory_mb(self) -> Counter[str]:
        """Memory now of each kind: what processes share counts in parts."""
        with self._lock:
            self._look_at_all()
            alive = {key[0]: seen.kind for key, seen in self._seen.items() if seen.alive}
        found = Counter[str]()
        for pid, kind in alive.items():
            found[kind] += _read_memory_kb(pid) / 1024  # type: ignore[assignment]
        return found

    def _find_unseen(self) -> list[tuple[str, int]]:
        """What children used after they were seen last, by kind: their parents waited for it."""
        seen_of: Counter[tuple[int, int]] = Counter()
        kinds: dict[tuple[int, int], Counter[str]] = {}
        for seen in self._seen.values():
            if not seen.alive:
                seen_of[seen.parent] += seen.own + seen.reaped
                kinds.setdefault(seen.parent, Counter())[seen.kind] += 1
        return [
            (kinds[key].most_common(1)[0][0] if key in kinds else parent.kind, unseen)
            for key, parent in self._seen.items()
            if (unseen := parent.reaped - seen_of[key]) > 0
        ]

    def _keep_looking(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        with self._lock:
            self._look_at_all()

    def _look_at_all(self) -> None:
        stats = {pid: stat for pid in _list_pids() if (stat := _read_stat(pid))}
        keys = {pid: (pid, stat.born) for pid, stat in stats.items()}
        ours: dict[int, bool] = dict.fromkeys(self._roots, True)

        def is_ours(pid: int) -> bool:
            if pid not in ours:
                ours[pid] = pid in stats and is_ours(stats[pid].parent)
            return ours[pid]

        current = {keys[pid] for pid in stats if is_ours(pid)}
        for key in sorted(current, key=lambda one: one[1]):
            self._note(key, stats[key[0]], keys.get(stats[key[0]].parent, (0, 0)))
        for key, seen in self._seen.items():
            seen.alive = key in current

    def _note(self, key: tuple[int, int], stat: _Stat, parent: tuple[int, int]) -> None:
        if key not in self._seen:
            above = self._seen.get(parent)
            self._seen[key] = _Seen(parent, OTHER if above is None else above.kind)
        seen = self._seen[key]
        # Some set a title after they have begun, and one that has ended has none any more.
        seen.kind = find_kind(_read_title(key[0])) or seen.kind
        seen.own, seen.reaped = stat.own, stat.reaped


@dataclass(frozen=True, slots=True)
class _Stat:
    """What the kernel says of a process; times in ticks."""

    parent: int
    own: int
    reaped: int
    born: int


def find_kind(title: str) -> str | None:
    """What a process is there for, by its command line; None when no rule fits."""
    return next((kind for pattern, kind in KINDS if re.search(pattern, title)), None)


def subtract(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """What was used between two looks, the most first; kinds that used nothing are left out."""
    used = {kind: value - before.get(kind, 0.0) for kind, value in after.items()}
    return dict(sorted(((k, v) for k, v in used.items() if v > 0), key=lambda item: -item[1]))


def _list_pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]


def _read_stat(pid: int) -> _Stat | None:
    with suppress(OSError):
        # The name in parentheses may hold anything.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        return _Stat(int(fields[1]), own, reaped, int(fields[19]))
    return None


def _read_title(pid: int) -> str:
    with suppress(OSError):
        words = (_PROC / str(pid) / "cmdline").read_bytes()
        return words.replace(b"\0", b" ").decode(errors="replace")
    return ""


def _read_memory_kb(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+)", (_PROC / str(pid) / "smaps_rollup").read_text(), re.M)
        return int(found[1]) if found else 0
    return 0
