"""When what is stored is due to be validated, and when that has to wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# What comes every few minutes is looked at once in this time.
PAUSE = timedelta(hours=1)
# After the last change of history, which comes with many others while a load is under way.
QUIET = timedelta(seconds=10)
# Between two runs, however much changes.
BREATH = timedelta(minutes=2)
# After all was looked at: a new stack need not look again because the day's run is due.
FRESH = timedelta(hours=12)
# Of what is expected: with less pending a load is as good as over, whatever it still asks for.
_SMALL_SHARE = 0.01
# The first candles come some seconds before it is known how many are wanted.
_FIRST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ValidationState:
    """What is stored, and what is known of it. Counts are of candles, ages of wall time.

    Attributes:
        stored: whether anything is.
        unvalidated: changed since they were looked at, or never looked at.
        unsettled: good, but to be looked at once more: what can be asked of a candle only
            some time after its close could not be asked of them.
        history: those of the unvalidated that are from before yesterday.
        expected: wanted, stored or asked for; counted only while history is loading.
        pending: expected and neither stored nor known to be absent; likewise.
        first_age: since the oldest of the last changes, None when nothing has changed lately.
        history_age: since a candle from before yesterday changed, None likewise.
        loading: whether history is being loaded, and not for too long or in vain.
        run_age: since the last run began, None before the first one.
        running: whether the last run is at work, as far as is known.
        broken: whether the last run that came to its end found anything that must not be.
    """

    stored: bool = False
    unvalidated: int = 0
    unsettled: int = 0
    history: int = 0
    expected: int = 0
    pending: int = 0
    first_age: timedelta | None = None
    history_age: timedelta | None = None
    loading: bool = False
    run_age: timedelta | None = None
    running: bool = False
    broken: bool = False

    @property
    def has_work(self) -> bool:
        """Whether there is anything that a run is to look at."""
        return self.unvalidated + self.unsettled > 0 or self.broken


def find_reason_to_wait(state: ValidationState) -> str | None:
    """Why nothing is validated yet unless a person asks for it, None when nothing is in the way.

    A load is waited for: looked at before, what is stored would be next to nothing.
    """
    if not state.stored:
        return "nothing is stored yet"
    if state.run_age is None and state.first_age is not None and state.first_age < _FIRST:
        return "the first candles have only come now"
    if state.loading and state.pending > _SMALL_SHARE * state.expected:
        return f"history is loading: {state.pending:,} of {state.expected:,} candles are pending"
    return None


def find_reason_to_validate(state: ValidationState) -> str | None:
    """Why a run is due that looks at what is new, None when there is nothing to do yet.

    A load that is over is validated at once, and what trickles in once in `PAUSE`.
    """
    if state.running or find_reason_to_wait(state) is not None:
        return None
    quiet = state.history_age is None or state.history_age >= QUIET
    if state.history and quiet and (state.run_age is None or state.run_age >= BREATH):
        return f"{state.history:,} candles of history were loaded or changed"
    if state.has_work and (quiet if state.run_age is None else state.run_age >= PAUSE):
        return f"{state.unvalidated:,} candles are new or changed, or some were not good"
    return None
