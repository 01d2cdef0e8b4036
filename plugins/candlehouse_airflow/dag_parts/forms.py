"""The trigger forms of the DAGs: their fields, and how entered values are parsed.

The web UI checks too little (it accepts any text as a date-time), so every value is checked
again here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from airflow.sdk import Context, Param

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Span
from candlehouse.core.parsing import MOMENT_EXAMPLE, parse_moment, parse_symbols
from candlehouse.core.planning.windows import Scope, Window, check_span
from candlehouse.core.timeframe import Timeframe, parse_timeframes

_TIMEFRAMES = [timeframe.value for timeframe in Timeframe]


def series_params(
    symbols: str = "Only these, one per line, such as BTCUSDT. Empty: the whole universe.",
    timeframes: str = "Only these. Empty: those of TIMEFRAMES.",
) -> dict[str, Param]:
    """The fields `symbols` and `timeframes`: lists, or over the API also comma-separated texts.

    Args:
        symbols: help text below the field `symbols`.
        timeframes: help text below the field `timeframes`.
    """
    lists = ["null", "array", "string"]
    return {
        "symbols": Param(None, symbols, type=lists, items={"type": "string"}),
        "timeframes": Param(
            None, timeframes, type=lists, items={"type": "string"}, examples=_TIMEFRAMES
        ),
    }


def historical_params(
    timeframes: str = "Only these. Empty: those of TIMEFRAMES.",
) -> dict[str, Param]:
    """The fields of `series_params`, and `start` and `end`.

    Args:
        timeframes: help text below the field `timeframes`.
    """
    moments = ["null", "string"]
    return {
        **series_params(timeframes=timeframes),
        "start": Param(
            None, "From here on (UTC). Both of start and end, or neither.",
            type=moments, format="date-time",
        ),
        "end": Param(None, "Up to here, exclusive (UTC).", type=moments, format="date-time"),
    }  # fmt: skip


def read_form(context: Context, *, ranged: bool = False) -> Mapping[str, object]:
    """The entered values by field, after a check that the form has these fields.

    Airflow accepts any other key. With `symbol` instead of `symbols`, for example, the run would
    silently cover the whole universe.

    Args:
        context: of the task.
        ranged: whether the form has `start` and `end`.

    Raises:
        ConfigurationError: naming the keys that are not fields of the form.
    """
    form = context["params"]
    fields = historical_params() if ranged else series_params()
    unknown = sorted(set(form) - set(fields))
    if unknown:
        raise ConfigurationError(
            f"the form has no field {', '.join(map(repr, unknown))}: it has {', '.join(fields)}"
        )
    return form


def month_params() -> dict[str, Param]:
    """The fields `start` and `end` for months, with `symbols` and `timeframes` as everywhere."""
    nothing = "Changes nothing here."
    first = "First month, by any moment of it (UTC); empty: that of COLLECTION_START_DATE."
    last = "Months that begin before this (UTC); empty: all before the first snapshot."
    return {
        **series_params(nothing, nothing),
        "start": Param(None, first, type=["null", "string"], format="date-time"),
        "end": Param(None, last, type=["null", "string"], format="date-time"),
    }


def read_months(form: Mapping[str, object]) -> tuple[datetime | None, datetime | None]:
    """A moment in the first and one in the last month that were entered, as UTC times.

    Each is None when its field is empty. `end` is exclusive in the form, so the second moment
    lies just before it.

    Raises:
        ConfigurationError: when a value is not a date-time, or `start` is not before `end`.
    """
    start, end = read_moment(form, "start"), read_moment(form, "end")
    if start is not None and end is not None and start >= end:
        raise ConfigurationError(f"start {start.isoformat()} is not before end {end.isoformat()}")
    return start, None if end is None else end - timedelta(microseconds=1)


def read_symbols(form: Mapping[str, object]) -> tuple[str, ...]:
    """The distinct symbols that were entered, in their order; empty for the whole universe.

    Raises:
        ConfigurationError: when a text cannot be a symbol.
    """
    entered = _read_list(form, "symbols")
    try:
        return parse_symbols(",".join(entered))
    except ValueError as error:
        raise ConfigurationError(f"symbols: {error}") from None


def read_timeframes(
    form: Mapping[str, object], usual: tuple[Timeframe, ...]
) -> tuple[Timeframe, ...]:
    """The timeframes that were entered, or `usual` when the field is empty.

    Raises:
        ConfigurationError: when a timeframe is unknown.
    """
    try:
        return parse_timeframes(_read_list(form, "timeframes")) or usual
    except ConfigurationError as error:
        raise ConfigurationError(f"timeframes: {error}") from None


def read_moment(form: Mapping[str, object], name: str) -> datetime | None:
    """The date-time in a field, in UTC unless it has an offset; None when the field is empty.

    Raises:
        ConfigurationError: when the text is not a date-time.
    """
    entered = form.get(name)
    if entered is None or entered == "":
        return None
    try:
        return parse_moment(str(entered))
    except ValueError:
        raise ConfigurationError(
            f"{name}: {entered!r} is not a date or time such as {MOMENT_EXAMPLE}"
        ) from None


def read_scope(
    window: Window,
    form: Mapping[str, object],
    interval: Span | None,
    now: datetime,
) -> Scope:
    """Symbols, timeframes and range that a run is to collect.

    Args:
        window: the window of the DAG.
        form: the run's params.
        interval: data interval of a scheduled or backfill run of months, half-open. It wins
            over the form's range, which is for runs that a person starts.
        now: the exchange's time.

    Raises:
        ConfigurationError: for the first field that is wrong, and for a backward run without
            any range.
    """
    span = None
    if interval is None:
        span = check_span(read_moment(form, "start"), read_moment(form, "end"), now)
        if span is None and window is Window.BACKWARD:
            raise ConfigurationError(
                "start and end are missing: a Single Run needs both (a Backfill takes whole"
                " months by itself)"
            )
    return Scope(window, read_timeframes(form, ()), read_symbols(form), span, interval)


def _read_list(form: Mapping[str, object], name: str) -> list[str]:
    entered = form.get(name)
    if entered is None:
        return []
    parts = entered.split(",") if isinstance(entered, str) else entered
    if not isinstance(parts, list):
        raise ConfigurationError(f"{name}: {entered!r} is not a list")
    found = [text for part in parts if (text := str(part).strip())]
    if not found and isinstance(entered, str) and entered.strip():
        # An empty field means everything; a lone comma is a mistake.
        raise ConfigurationError(f"{name}: {entered!r} names nothing")
    return found
