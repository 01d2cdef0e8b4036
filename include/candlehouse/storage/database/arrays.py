"""Lists of parameters as PostgreSQL reads them fastest: one literal each.

The driver writes a list as `ARRAY['..'::timestamptz, ..]`, an expression for each item. Of
thousands of them the server's parser takes longer than the statement that they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any


def _quote(item: str) -> str:
    if "\\" in item or '"' in item:
        item = item.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{item}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    NoneType: lambda _: "NULL",
    bool: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    Decimal: str,
    int: str,
    str: _quote,
}


def format_array(items: Iterable[object]) -> str | None:
    """The literal of a one-dimensional array, `{..}`; its type is the statement's to say.

    Returns:
        None when an item is of a type that only the driver knows to write.
    """
    try:
        return "{" + ",".join([_WRITERS[type(item)](item) for item in items]) + "}"
    except KeyError:
        return None
