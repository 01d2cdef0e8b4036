from __future__ import annotations

import psycopg2
import pytest

from candlehouse.core.errors import ConfigurationError, DatabaseUnavailable
from candlehouse.storage.database import (
    connect,
    driver_errors,
    mask_password,
    parse_database_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@h/db",
        "postgresql://u:p@h/db",
        "postgresql+psycopg2://u:p@h/db",
        "postgresql+asyncpg://u:p@h/db",
    ],
)
def test_any_way_of_naming_postgres_uses_one_driver(url: str) -> None:
    assert parse_database_url(url).drivername == "postgresql+psycopg2"


def test_socket_folder_in_libpq_spelling_is_understood() -> None:
    assert parse_database_url("postgresql://%2Frun%2Fpg/db").host == "/run/pg"


@pytest.mark.parametrize(
    "url", ["nonsense", "", "mysql://u:geheim@h/db", "postgresql://u:geheim@h:x/db"]
)
def test_other_urls_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CANDLEHOUSE_DATABASE_URL") as refused:
        parse_database_url(url)

    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://u:geheim@h/db", "postgresql://h/db?password=geheim"])
def test_passwords_are_masked(url: str) -> None:
    assert "geheim" not in mask_password(parse_database_url(url))


def test_a_server_out_of_reach_is_named_without_its_password() -> None:
    engine = connect("postgresql://u:geheim@127.0.0.1:1/db")

    with (
        pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1.*refused") as lost,
        engine.connect(),
    ):
        pass

    assert "geheim" not in str(lost.value)


def test_errors_of_the_driver_itself_get_the_same_name() -> None:
    engine = connect("postgresql://u:geheim@127.0.0.1:1/db")

    with pytest.raises(DatabaseUnavailable, match="went away"), driver_errors(engine):
        raise psycopg2.OperationalError("server went away")
