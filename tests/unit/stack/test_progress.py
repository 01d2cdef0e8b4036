import io
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from rich.console import Console

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.stack.progress import ProgressView, describe, is_complete


def totals(
    pending: int, expected: int = 100_000, absent: int = 10, loading: int = 0
) -> SimpleNamespace:
    present = expected - absent - pending
    return SimpleNamespace(
        expected=expected, present=present, absent=absent, pending=pending, loading=loading
    )


def test_hundred_percent_is_said_only_when_nothing_is_pending() -> None:
    assert is_complete(totals(0))
    assert not is_complete(totals(1))
    assert not is_complete(totals(0, expected=0, absent=0))
    assert describe(totals(1)).startswith("99.99%: 99,989 of 100,000 candles")
    assert describe(totals(0)).startswith("100.00%")
    assert describe(totals(0, expected=0, absent=0)) == "nothing is wanted yet"


def test_what_loads_is_told_apart_from_what_is_late() -> None:
    assert describe(totals(5, loading=2)).endswith("5 pending; 2 series loading")
    assert describe(totals(5)).endswith("5 pending")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def text() -> io.StringIO:
    return io.StringIO()


def test_plain_output_is_a_line_every_ten_seconds_then_every_minute(text: io.StringIO) -> None:
    answers: Iterator[SimpleNamespace | Exception] = iter(
        [totals(500), DatabaseUnavailable("gone"), totals(0), totals(0), totals(3)]
    )

    def read() -> SimpleNamespace:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    clock = Clock()
    view = ProgressView(read, Console(file=text, width=40), started=970.0, clock=clock)
    for _ in range(120):
        view.update()
        clock.now += 1
    lines = [line.split(" ", 1)[1] for line in text.getvalue().splitlines()]
    assert lines[0].startswith("99.50%")
    assert lines[1] == "progress is not known: gone"
    assert lines[2] == "100% complete in 50 s: 99,990 candles, 10 known absent, 0 pending"
    assert lines[3].startswith("100.00%")
    assert len(lines) == 4


def test_terminal_has_a_bar_until_complete(text: io.StringIO) -> None:
    answers = iter([totals(500), totals(0)])
    console = Console(file=text, force_terminal=True, width=120)
    clock = Clock()
    view = ProgressView(lambda: next(answers), console, started=0.0, clock=clock)
    view.update()
    # Each look is a query: not at every tick.
    view.update()
    clock.now += 2
    view.update()
    view.close()
    assert "collecting" in text.getvalue()
    assert "100% complete in" in text.getvalue()
