"""Brings the schema up to date: numbered .sql files, forward only, then views and functions.

Tables, columns, types and constraints are made by numbered files below `migrations`. Applied
files are recorded with their checksum; a file that changed afterwards is an error (drift), and
is never applied again. Views and functions are in `repeatables`. These come last, so a numbered
file can only call functions that numbered files have made.

All changes and their records share one transaction, so a killed migration leaves no trace.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from candlehouse.core.errors import SchemaDrift
from candlehouse.storage.database.engine import connect
from candlehouse.storage.database.queries import execute_script
from candlehouse.storage.database.search_path import share_search_path
from candlehouse.storage.schema.file_failures import naming_file
from candlehouse.storage.schema.repeatables import apply_changed, read_repeatables

SCHEMA = Path(__file__).parent
MIGRATIONS = SCHEMA / "migrations"

# Key of an advisory lock, which serialises migrating processes.
_LOCK_KEY = 7_265_001

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS market;
CREATE TABLE IF NOT EXISTS market.schema_migrations (
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, which determines the order, and its text."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrate(url: str, folder: Path = SCHEMA) -> list[str]:
    """Applies what has not been applied yet, in order; idempotent, and safe from several processes.

    Args:
        url: libpq or SQLAlchemy URL of the warehouse, of a role that owns it.
        folder: contains the `NNNN_name.sql` files, and in `views` and `functions` the definitions
            that are applied again when they change.

    Returns:
        Names of the files applied now, in order.

    Raises:
        SchemaDrift: when an applied migration is missing or has changed.
        MigrationFailed: when a statement in a file fails.
        DependentObjects: when an object outside the project depends on one that must be dropped.
        DatabaseUnavailable: when the server cannot be reached.
    """
    wanted, repeatables = read_migrations(folder), read_repeatables(folder)
    engine = connect(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            execute_script(connection, _BOOTSTRAP)
            pending = find_pending(wanted, _select_applied(connection))
            for migration in pending:
                _apply(connection, migration)
            share_search_path(connection)
            applied = apply_changed(connection, repeatables) if repeatables else []
        return [migration.name for migration in pending] + applied
    finally:
        engine.dispose()


def read_migrations(folder: Path) -> list[Migration]:
    """Every migration below `folder`, in order of its number."""
    paths = sorted(folder.rglob("[0-9]*.sql"), key=lambda path: path.name)
    return [Migration(path.stem, path.read_text(encoding="utf-8")) for path in paths]


def find_pending(wanted: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """Migrations that have not been applied.

    Args:
        wanted: all migrations, in order.
        applied: checksums of the applied migrations, by name.

    Raises:
        SchemaDrift: when applied migrations and files disagree.
    """
    known = {migration.name: migration for migration in wanted}
    for name, checksum in applied.items():
        if name not in known:
            raise SchemaDrift(f"migration {name} ran on this database but is not in this version")
        if known[name].checksum != checksum:
            raise SchemaDrift(f"migration {name} has changed since it ran on this database")
    return [migration for migration in wanted if migration.name not in applied]


def _select_applied(connection: Connection) -> dict[str, str]:
    rows = connection.execute(text("SELECT name, checksum FROM market.schema_migrations"))
    return {row.name: row.checksum for row in rows}


def _apply(connection: Connection, migration: Migration) -> None:
    with naming_file(migration.name, migration.sql):
        execute_script(connection, migration.sql)
    connection.execute(
        text("INSERT INTO market.schema_migrations (name, checksum) VALUES (:name, :checksum)"),
        {"name": migration.name, "checksum": migration.checksum},
    )
