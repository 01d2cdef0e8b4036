"""One package knows the exchange, and two modules beside it say which package that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from candlehouse.exchange.venue import VENUE
from support.places import INCLUDE, PROJECT

CODE = INCLUDE / "candlehouse"
SCHEMA = CODE / "storage/schema"
# Names of variables are a contract, a migration is never changed, and what all migrations make
# has their words.
KNOWN = (
    CODE / "exchange" / VENUE.name,
    CODE / "settings.py",
    CODE / "variables.py",
    SCHEMA / "migrations",
    SCHEMA / "schema.sql",
)
# What joins the project to its adapter.
JOINTS = {CODE / "exchange/adapter.py", CODE / "exchange/venue.py"}


def find_naming() -> set[Path]:
    """Files of code that name the exchange, but for those that are meant to."""
    folders = (CODE, PROJECT / "plugins", PROJECT / "dags")
    files = [file for folder in folders for file in folder.rglob("*")]
    return {
        file
        for file in files
        if file.suffix in (".py", ".sql")
        and not any(file.is_relative_to(known) for known in KNOWN)
        and VENUE.name in file.read_text("utf-8").lower()
    }


def test_only_its_adapter_and_what_joins_it_name_the_exchange() -> None:
    assert find_naming() == JOINTS


@pytest.mark.parametrize("folder", ["core", "storage"])
def test_neither_rules_nor_storage_import_what_speaks_to_exchanges(folder: str) -> None:
    importing = [
        file
        for file in (CODE / folder).rglob("*.py")
        if "candlehouse.exchange" in file.read_text("utf-8")
    ]
    assert importing == []
