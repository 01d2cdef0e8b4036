"""Connections to the warehouse: the only place that makes engines and translates their errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import psycopg2
from psycopg2.extensions import connection as DriverConnection
from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from candlehouse.core.errors import (
    DatabaseRefusal,
    DatabaseUnavailable,
    RowsRefused,
    SchemaMissing,
    StatementCancelled,
    StorageError,
    TransactionConflict,
)
from candlehouse.storage.database.arrays import format_array
from candlehouse.storage.database.database_url import mask_password, parse_database_url
from candlehouse.storage.database.session_state import Preparation
from candlehouse.storage.database.sqlstates import Failure, classify_state

_NAMES: dict[Failure, type[StorageError]] = {
    Failure.OUTAGE: DatabaseUnavailable,
    Failure.CONFLICT: TransactionConflict,
    Failure.CANCELLED: StatementCancelled,
    Failure.SCHEMA: SchemaMissing,
    Failure.ROWS: RowsRefused,
    Failure.REFUSAL: DatabaseRefusal,
}
# Seconds. A server that left the network is noticed within about a minute, instead of after the
# kernel's default of two hours.
_CONNECTION_DEFAULTS: dict[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # Milliseconds; the default wait for an acknowledgement is a quarter of an hour.
    "tcp_user_timeout": "60000",
}


def connect(url: str, application_name: str = "candlehouse", *, lasting: bool = True) -> Engine:
    """An engine for a database, usually the warehouse; connections are opened on first use.

    Each session begins with the settings that the code relies on, such as UTC and the isolation
    level, whatever the defaults of role, database or pooler are.
    Connections are tested when they leave the small pool, so a restart of the server costs no
    failed
    statement. The SQLSTATE decides which StorageError is raised; errors in our own statements
    remain
    errors of the driver. After an outage all connections are replaced, because the server may be
    another one. Dispose of the engine when done.

    Args:
        url: libpq or SQLAlchemy URL; its own options override the defaults here.
        application_name: shown in `pg_stat_activity`.
        lasting: whether settings, locks and temporary tables must outlive a transaction. Airflow's
            own database is often behind a transaction pooler, where they do not.

    Raises:
        ConfigurationError: when `url` is not a PostgreSQL URL; on connecting, when it leads to a
            pooler that changes servers between transactions.
    """
    parsed = parse_database_url(url)
    arguments = _CONNECTION_DEFAULTS | {"application_name": application_name}
    arguments = {name: value for name, value in arguments.items() if name not in parsed.query}
    engine = create_engine(
        parsed,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=8,
        # A statement with many rows of parameters goes to the server a hundred rows at a time.
        executemany_mode="values_plus_batch",
    )
    if lasting:
        prepare_connections(engine)
    event.listen(engine, "handle_error", _translate)
    event.listen(engine, "before_cursor_execute", _write_lists, retval=True)
    return engine


def prepare_connections(engine: Engine) -> None:
    """Prepares every connection that the engine opens from now on (`session_state`)."""

    def open_prepared(
        dialect: Dialect, _: object, arguments: list[Any], options: dict[str, Any]
    ) -> DriverConnection:
        def open_one(**more: Any) -> DriverConnection:
            return cast("DriverConnection", dialect.connect(*arguments, **options, **more))

        connection = open_one()
        try:
            preparation.prepare(connection, partial(open_one, async_=True))
        except BaseException:
            connection.close()
            raise
        return connection

    preparation = Preparation()
    event.listen(engine, "do_connect", open_prepared)


@contextmanager
def driver_errors(engine: Engine) -> Iterator[None]:
    """Translates errors of direct driver calls (COPY) as the engine translates its own.

    Raises:
        StorageError: the translated error.
    """
    try:
        yield
    except psycopg2.Error as error:
        named = _name(engine, error, lost=False)
        if named is None:
            raise
        raise named from error


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
    # After a failed ping the pool opens a new connection; an interrupt is not a database error.
    if context.is_pre_ping or not isinstance(error, Exception):
        return
    named = _name(context.engine, error, context.is_disconnect)
    if named is None:
        return
    if isinstance(named, DatabaseUnavailable):
        # All pooled connections lead to the unusable server, even if it is only read-only.
        context.is_disconnect = True
    raise named from error


def _name(engine: Engine | None, error: Exception, lost: bool) -> StorageError | None:
    """The StorageError for an error of the driver; None for errors in our own statements.

    Args:
        engine: that raised the error.
        error: of the driver.
        lost: whether its text says that the connection is gone.
    """
    state = getattr(error, "pgcode", None)
    # An error without SQLSTATE was raised by the driver, about the connection.
    broken = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
    if lost or (state is None and broken):
        failure = Failure.OUTAGE
    elif state is None:
        return None
    else:
        failure = classify_state(state)
    kind = _NAMES.get(failure)
    return None if kind is None else kind(_describe(engine, error, failure))


def _describe(engine: Engine | None, error: Exception, failure: Failure) -> str:
    if failure is Failure.OUTAGE:
        where = "the database" if engine is None else mask_password(engine.url)
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"{where} failed: {reason}"
    what = str(error).strip().partition("\n")[0]
    if failure is Failure.SCHEMA:
        return f"{what}: bring the schema up to date, `candlehouse migrate`"
    return f"the database reports: {what} (SQLSTATE {getattr(error, 'pgcode', '')})"
