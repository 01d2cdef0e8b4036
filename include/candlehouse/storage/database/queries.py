"""SQL kept in `.sql` files beside the modules that run it: named blocks, bound by name.

A block begins with a line `-- name: insert_snapshot` and reaches to the next such
line; parameters are written `:name`, and cast as `CAST(:name AS type)`. Identifiers
can't be parameters, so one substitution is allowed, `{timeframe}` in a table's name,
and only from the enum.
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
# SQLAlchemy takes `:name::type` for no parameter at all, and says nothing.
_CAST_PARAMETER = re.compile(r"(?<![:\w\\]):\w+::")


@dataclass(frozen=True, slots=True)
class Queries:
    """The blocks of one file by name.

    Attributes:
        origin: the file's name, for error messages.
        blocks: the text of each block as it stands in the file.
    """

    origin: str
    blocks: Mapping[str, str]

    def __call__(self, name: str, timeframe: Timeframe | None = None) -> TextClause:
        """The block as a statement that takes its parameters by name."""
        return _clause(self.sql(name, timeframe))

    def sql(self, name: str, timeframe: Timeframe | None = None) -> str:
        """The block's text, for COPY and other uses of the driver itself.

        Args:
            name: of the block.
            timeframe: replaces `{timeframe}`; to be given exactly when the block has it.

        Raises:
            LookupError: when there is no such block, or it has `{timeframe}` without
                one being given, or the reverse.
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
    """The blocks of the `.sql` file beside a module.

    Args:
        module_file: the module's `__file__`.
        stem: of the file, the module's own when None.
    """
    module = Path(module_file)
    path = module.with_name(f"{stem or module.stem}.sql")
    return parse_queries(path.name, path.read_text(encoding="utf-8"))


def parse_queries(origin: str, source: str) -> Queries:
    """Cuts the text of a file into its blocks; what stands before the first is a comment.

    Raises:
        ValueError: when two blocks have one name, or a parameter is cast by `::`.
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
    # Straight to the driver: colons and percent signs are SQL's own here.
    connection.exec_driver_sql(script, execution_options={"no_parameters": True})
