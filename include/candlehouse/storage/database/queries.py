"""SQL in `.sql` files beside the modules that run it: named blocks with named parameters.

A block begins with a line `-- name: insert_snapshot` and extends to the next such line.
Parameters are written `:name`, and cast as `CAST(:name AS type)`. Identifiers cannot be
parameters, so one substitution is allowed: `{timeframe}` in the name of a table, and only with
values of the enum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, TextClause, text

from candlehouse.core.timeframe import Timeframe

_HEADER = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)
_TIMEFRAME = "{timeframe}"
# SQLAlchemy silently does not treat `:name::type` as a parameter.
_CAST_PARAMETER = re.compile(r"(?<![:\w\\]):\w+::")


@dataclass(frozen=True, slots=True)
class Queries:
    """The blocks of one file by name.

    Attributes:
        origin: name of the file, for error messages.
        blocks: text of each block as it stands in the file.
    """

    origin: str
    blocks: Mapping[str, str]

    def __call__(self, name: str, timeframe: Timeframe | None = None) -> TextClause:
        """The block as a statement with named parameters."""
        return _clause(self.sql(name, timeframe))

    def sql(self, name: str, timeframe: Timeframe | None = None) -> str:
        """The block's text, for COPY and other direct uses of the driver.

        Args:
            name: of the block.
            timeframe: replaces `{timeframe}`; required exactly when the block contains it.

        Raises:
            LookupError: when the block does not exist, or `timeframe` does not match its text.
        """
        if name not in self.blocks:
            raise LookupError(f"{self.origin} has no block {name!r}")
        block = self.blocks[name]
        if (_TIMEFRAME in block) != (timeframe is not None):
            raise LookupError(f"{self.origin}: {name} and {_TIMEFRAME} do not match")
        return block if timeframe is None else block.replace(_TIMEFRAME, timeframe.value)


@cache
def _clause(sql: str) -> TextClause:
    return text(sql)


@cache
def load_queries(module_file: str, stem: str | None = None) -> Queries:
    """The blocks of the `.sql` file beside a module; files are read once.

    Args:
        module_file: the module's `__file__`.
        stem: name of the file without suffix, None for the module's own.
    """
    module = Path(module_file)
    path = module.with_name(f"{stem or module.stem}.sql")
    return parse_queries(path.name, path.read_text(encoding="utf-8"))


def parse_queries(origin: str, source: str) -> Queries:
    """Splits the text of a file into its blocks; text before the first block is a comment.

    Raises:
        ValueError: when two blocks have the same name, or a parameter is cast by `::`.
    """
    _, *parts = _HEADER.split(source)
    blocks: dict[str, str] = {}
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        if name in blocks:
            raise ValueError(f"{origin} has two blocks {name!r}")
        if _CAST_PARAMETER.search(block):
            raise ValueError(f"{origin}: {name} casts a parameter by ::, write CAST(:name AS type)")
        blocks[name] = block.strip()
    return Queries(origin, blocks)


def execute_script(connection: Connection, script: str) -> None:
    """Runs statements as they are, without parameters."""
    # Passed to the driver directly, so that colons and percent signs keep their SQL meaning.
    connection.exec_driver_sql(script, execution_options={"no_parameters": True})
