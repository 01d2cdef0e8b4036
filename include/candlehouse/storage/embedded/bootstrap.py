"""Databases, login roles and passwords of the embedded server."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Identifier

from candlehouse.core.errors import StorageError

_log = logging.getLogger(__name__)

WAREHOUSE = "candlehouse"
METADATA = "airflow"
ANALYST = "analyst"
# The migrations grant this role the rights of analysts.
READERS = "market_reader"
# Login role and database per role of `url`.
LOGINS = {
    "owner": (WAREHOUSE, WAREHOUSE),
    "airflow": (METADATA, METADATA),
    "analyst": (ANALYST, WAREHOUSE),
}
_ANALYST_SETTINGS = {
    # Protection against mistakes; a session may change these settings.
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_read_only": "on",
    # Per process; only a superuser may change it.
    "temp_file_limit": "2GB",
}
_ANALYST_CONNECTIONS = 20
# Functions that everybody may call in a new database, and that could fill the disk with large
# objects or hold the advisory locks of writers.
_OPEN_TO_ALL = """
SELECT p.oid::regprocedure::text
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
    AND p.proname ~ '^(lo_(creat|create|from_bytea)|pg_(try_)?advisory_.*lock.*)$'
    AND has_function_privilege('public', p.oid, 'EXECUTE')
"""


def read_passwords(path: Path) -> dict[str, str]:
    """The password of each login role.

    Raises:
        StorageError: when the file is missing (the server was never started) or damaged.
    """
    try:
        passwords: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        raise StorageError(
            "the embedded server was never started: python -m candlehouse db start"
        ) from None
    except ValueError:
        raise StorageError(f"{path} is damaged: delete it and start the server again") from None
    return passwords


def ensure_passwords(path: Path) -> dict[str, str]:
    """Reads the passwords, and generates them first if there are none."""
    if not path.exists():
        passwords = {role: secrets.token_urlsafe(24) for role, _ in LOGINS.values()}
        write_secret(path, json.dumps(passwords))
    return read_passwords(path)


def write_secret(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, atomically."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


@contextmanager
def superuser(socket_folder: Path, port: int, database: str = "postgres") -> Iterator[Connection]:
    """A superuser's connection through the socket, in autocommit mode."""
    connection = psycopg2.connect(
        host=str(socket_folder), port=port, dbname=database, user="postgres"
    )
    with closing(connection):
        connection.autocommit = True
        yield connection


def ensure_databases(
    socket_folder: Path,
    port: int,
    passwords: dict[str, str],
    timescaledb: str | None,
    create_extension: bool,
) -> None:
    """Creates roles, databases and the extension; existing ones are brought up to date.

    Args:
        socket_folder: of the server.
        port: of the server.
        passwords: per login role.
        timescaledb: version of the extension that is installed beside the server, None without.
        create_extension: whether a warehouse without the extension gets it.

    Raises:
        StorageError: when the warehouse needs an extension that is no longer installed.
    """
    with superuser(socket_folder, port) as connection, connection.cursor() as cursor:
        _ensure_roles(cursor, passwords)
        for database in (WAREHOUSE, METADATA):
            _ensure_database(cursor, database)
        connect = SQL("GRANT CONNECT ON DATABASE {} TO {}")
        cursor.execute(connect.format(Identifier(WAREHOUSE), Identifier(READERS)))
        cursor.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    _close_functions(socket_folder, port)
    _ensure_extension(socket_folder, port, timescaledb, create_extension)


def _ensure_roles(cursor: Cursor, passwords: dict[str, str]) -> None:
    cursor.execute("SELECT rolname FROM pg_roles")
    present = {name for (name,) in cursor.fetchall()}
    for role in (*passwords, READERS):
        if role not in present:
            cursor.execute(SQL("CREATE ROLE {}").format(Identifier(role)))
    for role, password in passwords.items():
        # Hashed here, so that the password does not appear in statements or logs.
        verifier = encrypt_password(password, role, cursor.connection, "scram-sha-256")
        login = SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        cursor.execute(login.format(Identifier(role), sql.Literal(verifier)))
    for name, value in _ANALYST_SETTINGS.items():
        limit = SQL("ALTER ROLE {} SET {} = {}")
        cursor.execute(limit.format(Identifier(ANALYST), Identifier(name), sql.Literal(value)))
    many = SQL("ALTER ROLE {} CONNECTION LIMIT {}")
    cursor.execute(many.format(Identifier(ANALYST), sql.Literal(_ANALYST_CONNECTIONS)))
    cursor.execute(SQL("GRANT {} TO {}").format(Identifier(READERS), Identifier(ANALYST)))


def _ensure_database(cursor: Cursor, name: str) -> None:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    if cursor.fetchone() is None:
        create = SQL("CREATE DATABASE {} OWNER {}")
        cursor.execute(create.format(Identifier(name), Identifier(name)))
    revoke = SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC")
    cursor.execute(revoke.format(Identifier(name)))


def _close_functions(socket_folder: Path, port: int) -> None:
    """Restricts these functions to the warehouse's owner."""
    with superuser(socket_folder, port, WAREHOUSE) as connection, connection.cursor() as cursor:
        cursor.execute(_OPEN_TO_ALL)
        functions = ", ".join(name for (name,) in cursor.fetchall())
        if functions:
            grant = SQL(f"GRANT EXECUTE ON FUNCTION {functions} TO {{}}")
            cursor.execute(grant.format(Identifier(WAREHOUSE)))
            cursor.execute(f"REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC")


def _ensure_extension(socket_folder: Path, port: int, available: str | None, create: bool) -> None:
    with superuser(socket_folder, port, WAREHOUSE) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        row = cursor.fetchone()
    present = row[0] if row else None
    statement = choose_extension_change(present, available, create)
    if statement is None:
        return
    # In a new session, because ALTER EXTENSION must be the first statement of a session.
    with superuser(socket_folder, port, WAREHOUSE) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
    _log.info("TimescaleDB %s in database %s", available, WAREHOUSE)


def choose_extension_change(
    present: str | None, available: str | None, create: bool
) -> Literal["CREATE EXTENSION timescaledb", "ALTER EXTENSION timescaledb UPDATE"] | None:
    """The statement that matches the warehouse's extension to the server's library; None for none.

    Args:
        present: version in the warehouse, None without.
        available: version beside the server, None without.
        create: whether a warehouse without the extension should have it.

    Raises:
        StorageError: when the warehouse needs a library that is no longer installed.
    """
    if available is None and present is not None:
        raise StorageError(
            f"the warehouse was made with TimescaleDB {present}, whose library is gone from the"
            " server: install it again beside the server"
        )
    if present is None:
        return "CREATE EXTENSION timescaledb" if available and create else None
    return None if present == available else "ALTER EXTENSION timescaledb UPDATE"
