"""schema.sql is what the migrations make, on every kind of warehouse, new or brought up to date."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from candlehouse.storage.schema.migrate import MIGRATIONS, migrate
from support.data.old_warehouse import fill_old
from support.schema_file import SCHEMA_FILE, dump_schema


def check(url: str) -> None:
    assert dump_schema(url).splitlines() == SCHEMA_FILE.read_text().splitlines(), "make schema"


def test_a_new_warehouse_has_the_schema_of_the_file(warehouse_url: str) -> None:
    check(warehouse_url)


@pytest.mark.parametrize("timescale", [False, True], ids=["plain", "timescale"])
def test_a_warehouse_brought_up_to_date_has_the_schema_of_the_file(
    empty_database: Callable[..., str], tmp_path: Path, timescale: bool
) -> None:
    url = empty_database(timescale=timescale)
    fill_old(url, tmp_path)
    migrate(url)
    check(url)


@pytest.mark.parametrize("last", ["0001", "0004", "0018", "0024", "0027"])
def test_whatever_version_a_warehouse_had_it_gets_the_schema_of_the_file(
    empty_database: Callable[..., str], tmp_path: Path, last: str
) -> None:
    url = empty_database()
    for path in MIGRATIONS.rglob("[0-9]*.sql"):
        if path.name[:4] <= last:
            shutil.copy(path, tmp_path)
    assert migrate(url, tmp_path)[-1].startswith(last)
    migrate(url)
    check(url)
