"""A warehouse around a database that a test has opened itself."""

from __future__ import annotations

from sqlalchemy import Engine

from candlehouse.settings import load_settings
from candlehouse.storage.warehouse import Warehouse


def warehouse_of(engine: Engine) -> Warehouse:
    """The warehouse in `engine`, with the settings that a process has where nothing is set."""
    return Warehouse(load_settings({}), engine)
