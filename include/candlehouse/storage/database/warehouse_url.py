"""Which database is the warehouse: the one that the settings name, or the embedded server's."""

from __future__ import annotations

from candlehouse.settings import Settings
from candlehouse.storage import embedded


def ensure_warehouse(settings: Settings) -> str:
    """The owner's URL of the warehouse; the embedded server is started if it is the one.

    Raises:
        StorageError: when the embedded server cannot be started.
    """
    if settings.database_url is not None:
        return settings.database_url
    return embedded.start(settings).url("owner")
