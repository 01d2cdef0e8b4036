"""Decides when a validation is due, and when it has to wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# Changes that arrive every few minutes are validated this often.
ROUTINE_INTERVAL = timedelta(hours=1)
# Wait after the last change of history: during a load many changes follow one another.
SETTLING_TIME = timedelta(seconds=10)
# Shortest time between the starts of two runs, however much changes.
MIN_RUN_INTERVAL = timedelta(minutes=2)
# A full validation is not repeated by the daily run within this time, as after a new start.
FULL_RUN_VALID_FOR = timedelta(hours=12)
# A load with a smaller fraction of its expected candles pending counts as over.
_SMALL_SHARE = 0.01
# The first candles arrive some seconds before the number of wanted candles is known.
_FIRST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ValidationState:
    """The state on which the decision depends. Counts are of candles, ages are of wall time.

    Attributes:
        stored: whether any candle is stored.
        unvalidated: changed since their last validation, or never validated.
        unsettled: passed, but due for one more validation, because some expectations apply only
            some time after the close of a candle.
        history: unvalidated candles from before yesterday.
        expected: wanted, stored or asked for; counted only while history is loading.
        pending: expected and neither stored nor known to be absent; counted only then.
        first_age: time since the oldest unvalidated change, None when nothing has changed lately.
        history_age: time since a candle from before yesterday changed, None likewise.
        loading: whether history is being loaded, within the limits of `core.planning.loading`.
        run_age: time since the last run began, None before the first run.
        running: whether the last run is still running, as far as is known.
        broken: whether the last finished run found broken expectations.
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
        """Whether there is anything to validate."""
        return self.unvalidated + self.unsettled > 0 or self.broken


def find_reason_to_wait(state: ValidationState) -> str | None:
    """Why an automatic validation has to wait; None when it may run.

    A load of history is waited for: earlier, only a fraction of the candles would be stored.
    """
    if not state.stored:
        return "nothing is stored yet"
    if state.run_age is None and state.first_age is not None and state.first_age < _FIRST:
        return "the first candles have only come now"
    if state.loading and state.pending > _SMALL_SHARE * state.expected:
        return f"history is loading: {state.pending:,} of {state.expected:,} candles are pending"
    return None


def find_reason_to_validate(state: ValidationState) -> str | None:
    """Why a validation of new candles is due; None when none is due yet.

    A finished load is validated at once, other changes once per `ROUTINE_INTERVAL`.
    """
    if state.running or find_reason_to_wait(state) is not None:
        return None
    quiet = state.history_age is None or state.history_age >= SETTLING_TIME
    if state.history and quiet and (state.run_age is None or state.run_age >= MIN_RUN_INTERVAL):
        return f"{state.history:,} candles of history were loaded or changed"
    if state.has_work and (quiet if state.run_age is None else state.run_age >= ROUTINE_INTERVAL):
        return f"{state.unvalidated:,} candles are new or changed, or some were not good"
    return None
