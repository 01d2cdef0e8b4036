from __future__ import annotations

import psycopg2.errorcodes
import pytest

from candlehouse.storage.database.sqlstates import Failure, classify_state


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("CONNECTION_FAILURE", Failure.OUTAGE),
        ("ADMIN_SHUTDOWN", Failure.OUTAGE),
        ("CRASH_SHUTDOWN", Failure.OUTAGE),
        ("CANNOT_CONNECT_NOW", Failure.OUTAGE),
        ("IDLE_SESSION_TIMEOUT", Failure.OUTAGE),
        ("READ_ONLY_SQL_TRANSACTION", Failure.OUTAGE),
        ("IDLE_IN_TRANSACTION_SESSION_TIMEOUT", Failure.OUTAGE),
        ("TOO_MANY_CONNECTIONS", Failure.OUTAGE),
        ("DISK_FULL", Failure.OUTAGE),
        ("OUT_OF_MEMORY", Failure.OUTAGE),
        ("IO_ERROR", Failure.OUTAGE),
        ("STATEMENT_COMPLETION_UNKNOWN", Failure.OUTAGE),
        ("CONFIGURATION_LIMIT_EXCEEDED", Failure.REFUSAL),
        ("SERIALIZATION_FAILURE", Failure.CONFLICT),
        ("DEADLOCK_DETECTED", Failure.CONFLICT),
        ("QUERY_CANCELED", Failure.CANCELLED),
        ("LOCK_NOT_AVAILABLE", Failure.CANCELLED),
        ("UNDEFINED_TABLE", Failure.SCHEMA),
        ("UNDEFINED_FUNCTION", Failure.SCHEMA),
        ("UNDEFINED_COLUMN", Failure.SCHEMA),
        ("INVALID_SCHEMA_NAME", Failure.SCHEMA),
        ("NUMERIC_VALUE_OUT_OF_RANGE", Failure.ROWS),
        ("CHECK_VIOLATION", Failure.ROWS),
        ("UNIQUE_VIOLATION", Failure.ROWS),
        ("INSUFFICIENT_PRIVILEGE", Failure.REFUSAL),
        ("DATA_CORRUPTED", Failure.REFUSAL),
        ("SYNTAX_ERROR", Failure.MISTAKE),
        ("DATATYPE_MISMATCH", Failure.MISTAKE),
        ("RAISE_EXCEPTION", Failure.MISTAKE),
    ],
)
def test_code_of_the_server_decides(name: str, meaning: Failure) -> None:
    assert classify_state(getattr(psycopg2.errorcodes, name)) is meaning
