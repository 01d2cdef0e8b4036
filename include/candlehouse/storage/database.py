"""Connections to the warehouse: one way to make an engine, one name for being out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import psycopg2
import psycopg2.errors
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError

from candlehouse.core.errors import ConfigurationError, DatabaseUnavailable, SchemaMissing
from candlehouse.storage.arrays import format_array

_DIALECTS = ("postgres", "postgresql")
# What is said of a warehouse that was not migrated, or not to this version.
_MISSING = (
    psycopg2.errors.InvalidSchemaName,
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
    psycopg2.errors.UndefinedFunction,
)
# Seconds. A server that dropped off the network is noticed in about a minute, and not
# after the two hours that the kernel waits by default.
_CONNECTION_DEFAULTS: dict[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # Without it, what was sent and is not acknowledged is waited for a quarter of an hour.
    "tcp_user_timeout": "60000",
}
# For a batch of files in a staging table, and once more where it is compared with what is
# stored; what is not used is not taken.
_TEMPORARY = "-c temp_buffers=48MB"


def connect(url: str, application_name: str = "candlehouse") -> Engine:
    """An engine for the warehouse; nothing is connected yet. Sessions stand in UTC.

    Connections are tested when they leave the small pool, so a restart of the server
    costs no failed statement. Whatever says that the server is down or out of reach
    arrives as `DatabaseUnavailable`, and what the schema does not have as `SchemaMissing`.
    Dispose of the engine when done.

    Args:
        url: libpq or SQLAlchemy URL; its own options win over the defaults here.
        application_name: what `pg_stat_activity` shows.

    Raises:
        ConfigurationError: when `url` is not one of PostgreSQL.
    """
    parsed = parse_database_url(url)
    arguments = _CONNECTION_DEFAULTS | {"application_name": application_name}
    arguments = {name: value for name, value in arguments.items() if name not in parsed.query}
    options = parsed.query.get("options", "")
    arguments["options"] = f"{_TEMPORARY} {options} -c timezone=UTC"
    engine = create_engine(
        parsed,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=8,
        # A statement with many rows of parameters goes to the server a hundred rows at a time.
        executemany_mode="values_plus_batch",
    )
    event.listen(engine, "handle_error", _translate)
    event.listen(engine, "before_cursor_execute", _write_lists, retval=True)
    return engine


def parse_database_url(url: str) -> URL:
    """The URL with the driver that Candlehouse uses, whatever driver it names.

    Raises:
        ConfigurationError: when it is not one of PostgreSQL; the text has no password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("CANDLEHOUSE_DATABASE_URL is not a database URL") from None
    if parsed.drivername.partition("+")[0] not in _DIALECTS:
        raise ConfigurationError(
            f"CANDLEHOUSE_DATABASE_URL={mask_password(parsed)!r} is not allowed: postgresql://..."
        )
    if parsed.host is not None:
        # libpq's way to write the folder of a socket is %2Frun%2Fpostgresql.
        parsed = parsed.set(host=unquote(parsed.host))
    return parsed.set(drivername="postgresql+psycopg2")


def mask_password(url: URL) -> str:
    """The URL as text that may be logged."""
    if "password" in url.query:
        url = url.update_query_dict({"password": "***"})
    return url.render_as_string(hide_password=True)


@contextmanager
def driver_errors(engine: Engine) -> Iterator[None]:
    """Names errors of the driver's own calls (COPY) as the engine names those of its own.

    Raises:
        DatabaseUnavailable: when the server goes away inside.
    """
    try:
        yield
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise _unavailable(engine, error) from error


def _write_lists(
    _connection: object,
    _cursor: object,
    statement: str,
    parameters: object,
    _context: object,
    _many: bool,
) -> tuple[str, object]:
    if isinstance(parameters, dict):
        parameters = {
            name: value if not isinstance(value, list) else format_array(value) or value
            for name, value in parameters.items()
        }
    return statement, parameters


def _translate(context: ExceptionContext) -> None:
    error = context.original_exception
    # A failed ping only means that the pool takes a new connection; an interrupt is no error.
    if context.is_pre_ping or not isinstance(error, Exception):
        return
    if isinstance(error, _MISSING):
        what = str(error).partition("\n")[0]
        raise SchemaMissing(
            f"{what}: bring the schema up to date, `candlehouse migrate`"
        ) from error
    # Lost connections sometimes come as a plain DatabaseError: is_disconnect knows its texts.
    lost = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
    if lost or context.is_disconnect:
        raise _unavailable(context.engine, error) from error


def _unavailable(engine: Engine | None, error: BaseException) -> DatabaseUnavailable:
    where = "the database" if engine is None else mask_password(engine.url)
    reason = " ".join(str(error).split()) or type(error).__name__
    return DatabaseUnavailable(f"{where} failed: {reason}")
