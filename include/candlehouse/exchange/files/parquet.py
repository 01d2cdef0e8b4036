"""Reads Parquet files as tables of text, where pyarrow is installed."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

# The name that pandas gives to an unnamed index.
_INDEX = "__index_level_0__"


def read_parquet(data: bytes) -> tuple[list[str], list[list[str]]]:
    """Names and rows. Doubles become the shortest text that is the same double.

    Raises:
        ValueError: when it cannot be read, or there is no reader for it.
    """
    try:
        # Not among what is installed with the project.
        pyarrow = import_module("pyarrow")
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise ValueError(
            "is a Parquet file, which pyarrow reads; it is not installed (pip install pyarrow)"
        ) from None
    try:
        table = parquet.read_table(io.BytesIO(data))
    except pyarrow.ArrowException as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    names = ["" if name == _INDEX else name for name in table.column_names]
    columns = [_read_column(pyarrow, column) for column in table.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    if not rows:
        raise ValueError("has no rows")
    return names, rows


def _read_column(pyarrow: Any, column: Any) -> list[str]:
    kind = column.type
    if pyarrow.types.is_timestamp(kind):
        # A count since the epoch in the column's unit; without a zone it is UTC.
        column = column.cast(pyarrow.int64())
    elif pyarrow.types.is_float32(kind) or pyarrow.types.is_float16(kind):
        return [_text(str)(value) for value in column.to_numpy()]
    return [_text(repr)(value) for value in column.to_pylist()]


def _text(of_float: Callable[[Any], str]) -> Callable[[Any], str]:
    def text(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, datetime):
            return value.isoformat()
        return of_float(value) if isinstance(value, float) else str(value)

    return text
