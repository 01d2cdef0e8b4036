"""Failures of the schema's own files: which file, which line, and what the server says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy.exc import DBAPIError

from candlehouse.core.errors import MigrationFailed, RowsRefused, SchemaMissing


@contextmanager
def naming_file(name: str, script: str) -> Iterator[None]:
    """Names the file in which a statement fails.

    Failures that may pass, and permissions that are lacking, are no mistake of the file: their
    errors stay as they are.

    Args:
        name: of the file, without its ending.
        script: the text of the file.

    Raises:
        MigrationFailed: when the server does not take a statement, or stored rows do not fit.
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
        # Counted in characters from 1; the server names no place for what happens in a block.
        if position := error.diag.statement_position:
            line = f", line {script.count(chr(10), 0, int(position) - 1) + 1}"
    return f"{name}.sql{line}: {what}{state}. The schema is as it was before"
