"""Describes failures of the schema's files: file, line and the server's message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy.exc import DBAPIError

from candlehouse.core.errors import MigrationFailed, RowsRefused, SchemaMissing


@contextmanager
def naming_file(name: str, script: str) -> Iterator[None]:
    """Adds the file name to the error when a statement of the file fails.

    Failures that may pass and missing permissions are not the file's fault: their errors are
    raised unchanged.

    Args:
        name: of the file, without suffix.
        script: the text of the file.

    Raises:
        MigrationFailed: when the server rejects a statement, or stored rows do not fit.
    """
    try:
        yield
    except (SchemaMissing, RowsRefused, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error.__cause__
        raise MigrationFailed(_describe(name, script, cause or error)) from error


def _describe(name: str, script: str, error: BaseException) -> str:
    what = str(error).strip().partition("\n")[0]
    state, line = "", ""
    if isinstance(error, psycopg2.Error):
        state = f" (SQLSTATE {error.pgcode})"
        # In characters from 1; the server reports no position for errors inside a DO block.
        if position := error.diag.statement_position:
            line = f", line {script.count(chr(10), 0, int(position) - 1) + 1}"
    return f"{name}.sql{line}: {what}{state}. The schema is as it was before"
