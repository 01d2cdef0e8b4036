"""Renders query parameters as constants.

Great Expectations takes queries as text without parameters, and only with constants can the
planner skip partitions and chunks outside the window.
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
        TypeError: when a value has an unsupported type.
    """
    return _PARAMETER.sub(lambda match: render_constant(values[match[1]]), sql)


def render_constant(value: object) -> str:
    """A value as an SQL literal; datetimes must be aware.

    Raises:
        TypeError: when it has an unsupported type.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        # With standard_conforming_strings backslashes are ordinary characters.
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat(sep=' ')}'"
    if isinstance(value, timedelta):
        return f"interval '{value.total_seconds():f} seconds'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"ARRAY[{', '.join(render_constant(one) for one in value)}]"
    raise TypeError(f"values of type {type(value).__name__} are not supported in a query")
