"""A warehouse of an earlier version with data."""

from __future__ import annotations

import shutil
from pathlib import Path

from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import MIGRATIONS, migrate
from support.places import TESTS

FILLED = TESTS / "support" / "data" / "filled.sql"
LAST_OLD = "0015"


def fill_old(url: str, folder: Path) -> None:
    """Migrates an empty database as far as that version did, and fills it.

    Args:
        url: the owner's URL of an empty database.
        folder: an empty folder, for that version's migrations.
    """
    for path in MIGRATIONS.rglob("[0-9]*.sql"):
        if path.name[:4] <= LAST_OLD:
            shutil.copy(path, folder)
    migrate(url, folder)
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(FILLED.read_text(), execution_options={"no_parameters": True})
    engine.dispose()
