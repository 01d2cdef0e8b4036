from __future__ import annotations

import psycopg2
import pytest

from candlehouse.core.errors import ConfigurationError, DatabaseUnavailable
from candlehouse.storage.database.database_url import mask_password, parse_database_url
from candlehouse.storage.database.engine import (
    connect,
    driver_errors,
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
    "url",
    [
        "nonsense", "", "mysql://u:geheim@h/db", "postgresql://u:geheim@h:x/db",
        "postgresql://u:geh@eim@h/db", "postgresql://u@geheim:eim@h/db", "postgresql:u:geheim@h",
        "postgresql://u:geh@eim/x@h/db", "postgresql://u:geh@eim?x@h/db",
        "postgresql://h/db?password=geh&eim=1", "postgresql://h/db?sslpassword=geheim&geheim=1",
        "mysql://h/db?password=geheim", "postgresql://u:geheim",
    ],
)  # fmt: skip
def test_other_urls_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CANDLEHOUSE_DATABASE_URL") as refused:
        parse_database_url(url)

    assert "geh" not in str(refused.value)
    assert "eim" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("ssl=require", "option ssl: use sslmode"),
        ("sslmode=requir", "sslmode='requir', which is not allowed: disable, allow"),
        ("connect_timeout=ten", "connect_timeout='ten', .* a whole number"),
        ("schema=market", "option 'schema': .* libpq"),
        ("dsn=x", "option 'dsn'"),
        ("async=1", "option 'async'"),
        ("connection_factory=x", "option 'connection_factory'"),
        ("sslmode=require&sslmode=disable", "sslmode more than once"),
        ("target_session_attrs=master", "target_session_attrs='master'"),
    ],
)
def test_options_that_there_are_not_are_named_with_what_is_allowed(option: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^CANDLEHOUSE_DATABASE_URL has .*{told}"):
        parse_database_url(f"postgresql://u:p@h/db?{option}")


def test_options_of_libpq_are_taken() -> None:
    options = "sslmode=require&connect_timeout=3&options=-c%20work_mem%3D7MB&host=a&host=b"
    assert parse_database_url(f"postgresql://u:p@/db?{options}").query["sslmode"] == "require"


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
