"""Connections to servers and poolers whose settings are not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.errors import ConfigurationError, DatabaseUnavailable
from candlehouse.core.timeframe import from_ms
from candlehouse.pipelines.live.writing.batch_writer import LiveWriter
from candlehouse.storage import embedded
from candlehouse.storage.database.engine import connect
from support.data.batches import closed_of, make_batch, make_writers
from support.data.updates import START_MS, make_update
from support.servers.pgbouncer import pooled

HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "German",
    "IntervalStyle": "iso_8601",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-15",
    "synchronous_commit": "off",
    "client_encoding": "LATIN1",
    "statement_timeout": "30s",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "idle_session_timeout": "30s",
}
EXPECTED = {
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "synchronous_commit": "on",
    "client_encoding": "UTF8",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "temp_buffers": "48MB",
}


def show(engine: Engine, *names: str) -> dict[str, str]:
    with engine.connect() as connection:
        return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}


@pytest.fixture
def hostile_url(fresh_database: Callable[..., str], embedded_server: embedded.Server) -> str:
    """A warehouse whose database has other settings than are relied on."""
    url = fresh_database()
    database = url.rpartition("/")[2]
    with (
        embedded.superuser(embedded_server.places.sockets, embedded_server.port) as connection,
        connection.cursor() as cursor,
    ):
        for name, value in HOSTILE.items():
            cursor.execute(f'ALTER DATABASE "{database}" SET {name} = %s', (value,))
    return url


@pytest.fixture
def hostile(hostile_url: str) -> Iterator[Engine]:
    engine = connect(hostile_url)
    yield engine
    engine.dispose()


def test_session_is_as_relied_on_whatever_the_database_says(hostile: Engine) -> None:
    assert show(hostile, *EXPECTED) == EXPECTED
    with hostile.connect() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"
        name = "币安人生"
        assert connection.execute(text("SELECT :name"), {"name": name}).scalar() == name


@pytest.mark.parametrize("path", ["nowhere", "''"])
def test_functions_of_the_extension_are_found_whatever_the_search_path(
    fresh_database: Callable[..., str], path: str
) -> None:
    url = fresh_database(timescale=True)
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'ALTER DATABASE "{engine.url.database}" SET search_path = {path}'
        )
    engine.dispose()
    assert show(engine, "search_path")["search_path"].endswith(", public")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM show_chunks('market.candles_5m')"))
    engine.dispose()


def test_what_the_url_asks_for_itself_stays(hostile_url: str) -> None:
    engine = connect(f"{hostile_url}?options=-c%20statement_timeout%3D45s%20-c%20timezone%3DJapan")
    assert show(engine, "statement_timeout", "TimeZone") == {
        "statement_timeout": "45s", "TimeZone": "UTC",
    }  # fmt: skip
    engine.dispose()


def test_commits_that_wait_for_more_than_the_disk_go_on_waiting(hostile_url: str) -> None:
    engine = connect(f"{hostile_url}?options=-c%20synchronous_commit%3Dremote_apply")
    assert show(engine, "synchronous_commit") == {"synchronous_commit": "remote_apply"}
    engine.dispose()


def test_session_pooling_is_as_good_as_none(hostile_url: str) -> None:
    with pooled(hostile_url, "session") as url:
        engine = connect(url)
        writer = LiveWriter(engine, make_writers(timedelta(minutes=10)))
        try:
            assert show(engine, *EXPECTED) == EXPECTED
            assert writer.try_lock()
            closed = make_update(closed=True)
            batch = make_batch(closed=[closed])
            flushed = writer.flush(batch, from_ms(START_MS) + timedelta(hours=1))
            assert closed_of(flushed) == [closed]
            with engine.connect() as connection:
                assert not LiveWriter(engine, make_writers(timedelta(0))).try_lock()
                stored = "SELECT count(*) FROM market.candles"
                assert connection.execute(text(stored)).scalar() == 1
        finally:
            writer.close()
            engine.dispose()


@pytest.mark.parametrize("options", [
    {"default_pool_size": 1},
    {"default_pool_size": 20},
    {"default_pool_size": 20, "min_pool_size": 5, "server_round_robin": 1},
])  # fmt: skip
def test_transaction_pooling_is_refused_with_the_reason(
    hostile_url: str, options: dict[str, int]
) -> None:
    with pooled(hostile_url, "transaction", **options) as url:
        engine = connect(url)
        with pytest.raises(ConfigurationError, match="session pooling"), engine.connect():
            pass
        engine.dispose()
        # Whoever relies on nothing that lasts, as with Airflow's own database, may come.
        engine = connect(url, lasting=False)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engine.dispose()


def test_statement_pooling_is_refused_with_the_reason(hostile_url: str) -> None:
    with pooled(hostile_url, "statement") as url:
        engine = connect(url)
        with pytest.raises(DatabaseUnavailable, match="statement pooling"), engine.connect():
            pass
        engine.dispose()


def test_pooler_with_a_single_session_is_not_taken_for_another_kind(hostile_url: str) -> None:
    with pooled(hostile_url, "session", default_pool_size=1) as url:
        engine = connect(url)
        assert show(engine, "TimeZone") == {"TimeZone": "UTC"}
        engine.dispose()
