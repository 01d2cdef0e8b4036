"""Transactions that do not wait for the disk, until one does."""

from __future__ import annotations

from sqlalchemy import Connection, text

from candlehouse.storage.database.durability import commit_later, flush
from candlehouse.storage.database.engine import connect


def _is_on_disk(connection: Connection, position: str) -> bool:
    sql = "SELECT pg_current_wal_flush_lsn() >= CAST(:position AS pg_lsn)"
    return bool(connection.execute(text(sql), {"position": position}).scalar_one())


def _end_of_log(connection: Connection) -> str:
    return str(connection.execute(text("SELECT pg_current_wal_insert_lsn()")).scalar_one())


def test_only_this_transaction_does_not_wait(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    try:
        with engine.connect() as connection:
            commit_later(connection)
            setting = text("SHOW synchronous_commit")
            assert connection.execute(setting).scalar_one() == "off"
            connection.commit()
            assert connection.execute(setting).scalar_one() == "on"
    finally:
        engine.dispose()


def test_what_was_committed_before_a_flush_is_on_disk(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    try:
        with engine.connect() as connection:
            for symbol in ("AUSDT", "BUSDT"):
                commit_later(connection)
                row = "INSERT INTO market.collector_state (symbol, timeframe) VALUES (:s, '1h')"
                connection.execute(text(row), {"s": symbol})
                connection.commit()
            end = _end_of_log(connection)
            flush(engine)
            assert _is_on_disk(connection, end)
    finally:
        engine.dispose()
