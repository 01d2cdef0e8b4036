"""The warehouse's URL: which options are allowed, and what of it may be shown."""

from __future__ import annotations

from urllib.parse import unquote

import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from candlehouse.core.errors import ConfigurationError

_NAME = "CANDLEHOUSE_DATABASE_URL"
_DIALECTS = ("postgres", "postgresql")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_CHOICES = {
    "sslmode": _SSL_MODES,
    "gssencmode": ("disable", "prefer", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
    "target_session_attrs": (
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby",
    ),
}  # fmt: skip
_NUMBERS = frozenset(
    {"connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval",
     "keepalives_count", "tcp_user_timeout"}
)  # fmt: skip
# May occur several times, to name several servers.
_REPEATABLE = frozenset({"host", "port"})
_SECRET = frozenset({"password", "sslpassword"})


def parse_database_url(url: str) -> URL:
    """The URL with the driver that Candlehouse uses, whatever driver it names.

    Raises:
        ConfigurationError: when it is not one of PostgreSQL, or has an option that there is
            not; the text has nothing of a password.
    """
    if url.count("@") > 1:
        # Everything after the first @ would be taken for the host, and shown.
        raise ConfigurationError(
            f"{_NAME} has more than one @: inside a name, a password or an option it is"
            " written %40 (a colon %3A, a slash %2F)"
        )
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"{_NAME} is not a database URL: postgresql://user:password@host:port/database"
        ) from None
    if parsed.drivername.partition("+")[0] not in _DIALECTS:
        raise ConfigurationError(
            f"{_NAME}={mask_password(parsed)!r} is not allowed: postgresql://..."
        )
    for name, value in parsed.query.items():
        _check_option(name, value, named=not _SECRET & parsed.query.keys())
    if parsed.host is not None:
        # libpq's way to write the folder of a socket is %2Frun%2Fpostgresql.
        parsed = parsed.set(host=unquote(parsed.host))
    return parsed.set(drivername="postgresql+psycopg2")


def mask_password(url: URL) -> str:
    """The URL as text that may be logged: without password and options."""
    return url.set(query={}).render_as_string(hide_password=True)


def _check_option(name: str, value: str | tuple[str, ...], named: bool) -> None:
    """Rejects an option that libpq would reject, with a message that names the variable.

    Args:
        name: of the option.
        value: a tuple when the option occurs more than once.
        named: whether the option's name may be shown; if the URL contains a password, the name
            may be a part of it.
    """
    if name == "ssl":
        raise ConfigurationError(
            f"{_NAME} has the unknown option ssl: use sslmode, one of {', '.join(_SSL_MODES)}"
        )
    if not _is_known(name):
        shown = f"the unknown option {name!r}" if named else "an unknown option"
        raise ConfigurationError(
            f"{_NAME} has {shown}: allowed are the connection parameters of"
            " libpq, such as sslmode=require, connect_timeout=10 or options=-c%20work_mem=64MB"
        )
    if not isinstance(value, str):
        if name not in _REPEATABLE:
            raise ConfigurationError(f"{_NAME} has the option {name} more than once")
        return
    allowed = _CHOICES.get(name)
    if allowed is not None and value not in allowed:
        raise ConfigurationError(
            f"{_NAME} has {name}={value!r}, which is not allowed: {', '.join(allowed)}"
        )
    if name in _NUMBERS and not (value.isascii() and value.isdigit()):
        raise ConfigurationError(
            f"{_NAME} has {name}={value!r}, which is not allowed: a whole number"
        )


def _is_known(name: str) -> bool:
    try:
        make_dsn(**{name: "1"})
    except (psycopg2.Error, TypeError):
        return False
    return True
