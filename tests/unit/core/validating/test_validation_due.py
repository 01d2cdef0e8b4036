"""When validation is due, and when it has to wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from candlehouse.core.validating.validation_due import (
    MIN_RUN_INTERVAL,
    ROUTINE_INTERVAL,
    SETTLING_TIME,
    ValidationState,
    find_reason_to_validate,
    find_reason_to_wait,
)

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
# All that is wanted is stored and was found good ten minutes ago.
GOOD = ValidationState(
    stored=True,
    expected=15_000_000,
    first_age=timedelta(days=1),
    history_age=timedelta(hours=5),
    run_age=10 * MINUTE,
)
# A tenth of it is there, and more is coming in.
LOADING = replace(
    GOOD,
    unvalidated=1_500_000,
    history=1_400_000,
    pending=13_500_000,
    first_age=2 * MINUTE,
    history_age=SECOND,
    run_age=None,
    loading=True,
)
LOADED = replace(LOADING, loading=False, unvalidated=15_000_000, history=14_000_000, pending=0)
TRICKLE = replace(GOOD, unvalidated=30_000)


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (ValidationState(), False),
        (GOOD, False),
        (replace(GOOD, run_age=ROUTINE_INTERVAL), False),
        (LOADING, False),
        # Streams bring the newest candles before anything else.
        (replace(LOADING, history=0, history_age=None), False),
        (replace(LOADED, first_age=MINUTE - SECOND, history_age=None), False),
        # A file, a month or a page may still come.
        (
            replace(LOADED, history_age=SETTLING_TIME - SECOND, run_age=ROUTINE_INTERVAL - SECOND),
            False,
        ),
        (replace(LOADED, history_age=SETTLING_TIME - SECOND), False),
        (replace(LOADED, history_age=SETTLING_TIME), True),
        (replace(LOADED, history_age=SETTLING_TIME, run_age=MIN_RUN_INTERVAL - SECOND), False),
        (replace(LOADED, history_age=SETTLING_TIME, run_age=MIN_RUN_INTERVAL), True),
        (replace(LOADED, history_age=SETTLING_TIME, run_age=MIN_RUN_INTERVAL, running=True), False),
        # The load has brought nothing for long: what is there is looked at.
        (replace(LOADING, loading=False, history_age=SETTLING_TIME), True),
        # A hole that nobody can explain keeps the rest not waiting.
        (replace(LOADED, loading=True, pending=149_999, history_age=SETTLING_TIME), True),
        (TRICKLE, False),
        (replace(TRICKLE, run_age=ROUTINE_INTERVAL - SECOND), False),
        (replace(TRICKLE, run_age=ROUTINE_INTERVAL), True),
        (replace(TRICKLE, run_age=None), True),
        (replace(GOOD, broken=True, run_age=ROUTINE_INTERVAL), True),
        (replace(GOOD, broken=True), False),
        (replace(GOOD, unsettled=1, run_age=ROUTINE_INTERVAL), True),
    ],
)
def test_due_when_a_load_is_over_or_an_hour_after_the_last_run(
    state: ValidationState, due: bool
) -> None:
    assert (find_reason_to_validate(state) is not None) is due


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stored": False}, "nothing is stored yet"),
        ({"first_age": SECOND}, "the first candles have only come now"),
        ({}, "history is loading: 13,500,000 of 15,000,000 candles are pending"),
    ],
)
def test_wait_says_what_for(changes: dict[str, Any], reason: str) -> None:
    assert find_reason_to_wait(replace(LOADING, **changes)) == reason


def test_hour_of_trickling_has_one_run() -> None:
    """By looks every 15 seconds, while each brings something new."""
    state, runs = GOOD, 0
    for _ in range(24 * 240):
        state = replace(state, unvalidated=500, run_age=(state.run_age or MINUTE) + 15 * SECOND)
        if find_reason_to_validate(state) is not None:
            state, runs = replace(state, run_age=15 * SECOND), runs + 1
    assert runs <= 24
