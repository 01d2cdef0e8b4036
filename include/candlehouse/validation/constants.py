"""Parameters written into a query as constants.

The library takes queries as text without parameters, and only constants let the planner
leave out the partitions and chunks that a window does not touch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


def write_constants(sql: str, values: Mapping[str, object]) -> str:
    """The query with each `:name` replaced by its value.

    Raises:
        LookupError: when a parameter has no value.
        TypeError: when a value is of a kind that queries have no use for.
    """
    return _PARAMETER.sub(lambda match: render_constant(values[match[1]]), sql)


def render_constant(value: object) -> str:
    """A value as PostgreSQL reads it; times are aware, texts may hold anything.

    Raises:
        TypeError: when it is of another kind.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        # Backslashes mean nothing special in such text, as the standard has it.
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat(sep=' ')}'"
    if isinstance(value, timedelta):
        return f"interval '{value.total_seconds():f} seconds'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"ARRAY[{', '.join(render_constant(one) for one in value)}]"
    raise TypeError(f"{type(value).__name__} has no place in a query")
