"""Views and functions: one file each, which is applied again whenever its text has changed.

Views and functions hold no data, so a file is the whole definition including comments, and a
change is an edit of the file instead of a numbered migration. Most changes replace a definition
in place. A definition that PostgreSQL cannot replace, because a column or an argument differs,
is dropped together with the views and functions that depend on it, and all of these are created
again from their files.

Deleting a file drops nothing: a numbered migration does that. A numbered migration may also
drop a view with CASCADE to change a table below it, because missing views and functions are
created again from their files.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from candlehouse.core.errors import DependentObjects, SchemaDrift
from candlehouse.storage.database.queries import execute_script, load_queries
from candlehouse.storage.schema.file_failures import naming_file

FOLDERS = ("functions", "views")
_SQL = load_queries(__file__)
_COMMENT = re.compile(r"--[^\n]*")
_MAKES = re.compile(r"^CREATE OR REPLACE (?:VIEW|FUNCTION|PROCEDURE) market\.(\w+)", re.MULTILINE)
_MENTIONS = re.compile(r"\bmarket\.(\w+)")
# SQLSTATEs of a definition that cannot replace the present one: a view's columns differ, a
# function's result or argument names do, its kind does, or a comment fits two signatures.
_IRREPLACEABLE = {"42P16", "42P13", "42809", "42725"}
_HAS_DEPENDENTS = "2BP01"


@dataclass(frozen=True)
class Repeatable:
    """One file: its unique name, and its text."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @cached_property
    def makes(self) -> Counter[str]:
        """Names of the views and routines that the file defines, with the number of each."""
        return Counter(_MAKES.findall(self.sql))

    @cached_property
    def mentions(self) -> set[str]:
        """Names in the schema `market` that the text contains outside of comments."""
        return set(_MENTIONS.findall(_COMMENT.sub("", self.sql)))

    def is_made(self, present: Mapping[str, int]) -> bool:
        """Whether the database has as many views and routines of each name as the file defines."""
        return all(present.get(name) == number for name, number in self.makes.items())


def read_repeatables(folder: Path) -> list[Repeatable]:
    """The files in `functions` and `views` of a folder, in order of dependency.

    Raises:
        SchemaDrift: when files depend on each other in a cycle, or two define the same name.
    """
    paths = sorted(path for name in FOLDERS for path in (folder / name).rglob("*.sql"))
    files = {path.stem: Repeatable(path.stem, path.read_text(encoding="utf-8")) for path in paths}
    makers = find_makers(files.values())
    below = {
        name: {makers[mentioned] for mentioned in file.mentions & makers.keys()} - {name}
        for name, file in files.items()
    }
    # Sorted, so that the order is the same one wherever the files are.
    sorter = TopologicalSorter({name: sorted(below[name]) for name in sorted(files)})
    try:
        return [files[name] for name in sorter.static_order()]
    except CycleError as error:
        raise SchemaDrift(f"these files depend on each other: {', '.join(error.args[1])}") from None


def find_makers(repeatables: Iterable[Repeatable]) -> dict[str, str]:
    """Per view or routine the name of the file that defines it.

    Raises:
        SchemaDrift: when two files define the same name.
    """
    makers: dict[str, str] = {}
    for one in repeatables:
        for made in one.makes:
            first = makers.setdefault(made, one.name)
            if first != one.name:
                raise SchemaDrift(f"market.{made} is made by both {first}.sql and {one.name}.sql")
    return makers


def apply_changed(connection: Connection, repeatables: list[Repeatable]) -> list[str]:
    """Applies changed files, in the caller's transaction, whose search path is modified.

    Args:
        connection: of the warehouse's owner, after all numbered migrations.
        repeatables: all files in the order of `read_repeatables`.

    Returns:
        Names of the files applied now, in order.

    Raises:
        DependentObjects: when an object outside the project depends on one that must be dropped.
        MigrationFailed: when a statement in a file fails.
    """
    connection.execute(_SQL("use_system_path"))
    waiting = _find_changed(connection, repeatables)
    makers = find_makers(repeatables)
    applied = []
    for repeatable in repeatables:
        if repeatable.name in waiting:
            with naming_file(repeatable.name, repeatable.sql):
                waiting |= _apply(connection, repeatable, makers)
            values = {"name": repeatable.name, "checksum": repeatable.checksum}
            connection.execute(_SQL("record"), values)
            applied.append(repeatable.name)
    if applied:
        connection.execute(_SQL("let_readers_read"))
    return applied


def _find_changed(connection: Connection, repeatables: list[Repeatable]) -> set[str]:
    rows = connection.execute(_SQL("select_recorded"))
    recorded = {row.name: row.checksum for row in rows}
    present = _count_present(connection)
    return {
        one.name
        for one in repeatables
        if recorded.get(one.name) != one.checksum or not one.is_made(present)
    }


def _count_present(connection: Connection) -> dict[str, int]:
    return {row.name: row.number for row in connection.execute(_SQL("count_present"))}


def _apply(connection: Connection, repeatable: Repeatable, makers: Mapping[str, str]) -> set[str]:
    """Replaces the present definition or drops it first; returns the files to apply again."""
    if _replace(connection, repeatable):
        return set()
    dropped = _drop(connection, repeatable, makers)
    execute_script(connection, repeatable.sql)
    return {makers[name] for name in dropped}


def _replace(connection: Connection, repeatable: Repeatable) -> bool:
    """Whether the present definitions could be replaced; if not, nothing has changed."""
    savepoint = connection.begin_nested()
    try:
        execute_script(connection, repeatable.sql)
    except DBAPIError as error:
        if _find_state(error) not in _IRREPLACEABLE:
            raise
        savepoint.rollback()
        return False
    # A function with other arguments does not replace the old one, but adds an overload.
    if not repeatable.is_made(_count_present(connection)):
        savepoint.rollback()
        return False
    savepoint.commit()
    return True


def _drop(connection: Connection, repeatable: Repeatable, makers: Mapping[str, str]) -> set[str]:
    """Drops a file's definitions and their dependents from other files; returns all their names."""
    dependents = connection.execute(
        _SQL("find_dependents"), {"names": list(repeatable.makes)}
    ).all()
    # A view outside the project is kept, so dropping a definition that it needs fails.
    ours = [row for row in dependents if row.name in makers]
    try:
        for row in ours:
            execute_script(connection, f"DROP {row.kind} {row.identity}")
    except DBAPIError as error:
        if _find_state(error) != _HAS_DEPENDENTS:
            raise
        raise DependentObjects(_describe_dependents(repeatable, error)) from None
    return {row.name for row in ours}


def _find_state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None)


def _describe_dependents(repeatable: Repeatable, error: DBAPIError) -> str:
    _, _, detail = str(error.orig).strip().partition("DETAIL:")
    dependents = "; ".join(line.strip() for line in detail.partition("HINT:")[0].splitlines())
    return (
        f"{repeatable.name}.sql changes a definition that has to be dropped and created again, but"
        f" {dependents}. Nothing was changed: drop that object, migrate, and create it again"
    )
