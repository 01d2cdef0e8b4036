"""Shows the progress of collection: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from candlehouse.core.errors import CandlehouseError


class Totals(Protocol):
    """Numbers of candles, summed over all wanted series."""

    @property
    def expected(self) -> int:
        """How many slots are wanted."""

    @property
    def present(self) -> int:
        """How many of them are stored."""

    @property
    def absent(self) -> int:
        """How many are known not to exist."""

    @property
    def pending(self) -> int:
        """How many are neither."""

    @property
    def loading(self) -> int:
        """How many series have their history still loading."""


def is_complete(totals: Totals) -> bool:
    """Whether every wanted candle is stored or known not to exist; False without any."""
    return totals.expected > 0 and totals.pending == 0


def describe(totals: Totals) -> str:
    """One line on the totals."""
    if totals.expected == 0:
        return "nothing is wanted yet"
    share = (totals.present + totals.absent) / totals.expected
    # Rounded down, so that 100% means complete.
    percent = int(share * 10_000) / 100
    return (
        f"{percent:.2f}%: {totals.present:,} of {totals.expected:,} candles,"
        f" {totals.absent:,} known absent, {totals.pending:,} pending"
        + (f"; {totals.loading} series loading" if totals.loading else "")
    )


@dataclass
class ProgressView:
    """Shows totals until they are complete, then one line per minute.

    Attributes:
        read: returns the totals now; a CandlehouseError is shown, and the call repeated later.
        console: to write to.
        started: monotonic seconds at the start of the run, for "complete in".
    """

    read: Callable[[], Totals]
    console: Console
    started: float
    clock: Callable[[], float] = time.monotonic
    line_every_s: float = 10.0
    bar_every_s: float = 2.0
    _complete: bool = False
    _next_look: float = 0.0
    _bar: Progress | None = field(default=None)
    _task: TaskID | None = None

    def update(self) -> None:
        """Reads and shows the totals, if it is time to."""
        if self.clock() < self._next_look:
            return
        live = self.console.is_terminal and not self._complete
        try:
            totals = self.read()
        except CandlehouseError as error:
            self.say(f"progress is not known: {error}")
            self._next_look = self.clock() + self.line_every_s
            return
        if is_complete(totals):
            self._show_complete(totals)
        elif live:
            self._move_bar(totals)
        else:
            self.say(describe(totals))
        every_s = self.bar_every_s if live else self.line_every_s
        self._next_look = self.clock() + (60 if self._complete else every_s)

    def say(self, text: str) -> None:
        """Writes a line above the bar."""
        line = f"{time.strftime('%H:%M:%S', time.gmtime())} {text}"
        # As it is: an URL broken over two lines cannot be copied.
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show_complete(self, totals: Totals) -> None:
        self.close()
        if self._complete:
            self.say(describe(totals))
            return
        self._complete = True
        seconds = self.clock() - self.started
        self.say(
            f"100% complete in {seconds:.0f} s: {totals.present:,} candles,"
            f" {totals.absent:,} known absent, 0 pending"
        )

    def _move_bar(self, totals: Totals) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("collecting"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[line]}"),
                TimeRemainingColumn(),
                console=self.console,
                refresh_per_second=2,
            )
            self._task = self._bar.add_task("", total=None, line="")
            self._bar.start()
        if self._task is not None:
            self._bar.update(
                self._task,
                total=totals.expected or None,
                completed=totals.present + totals.absent,
                line=describe(totals),
            )
