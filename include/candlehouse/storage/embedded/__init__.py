"""The embedded PostgreSQL: a server below the home folder that listens on loopback only.

`start` creates everything (data folder, databases, login roles, TimescaleDB where it is
installed), and may be called by any number of processes at once. `url` returns the URL to
connect as `owner`, `airflow` or `analyst`.
"""

from candlehouse.storage.embedded.binaries import find_installation
from candlehouse.storage.embedded.bootstrap import superuser
from candlehouse.storage.embedded.server import Server, start, status, stop, url

__all__ = ["Server", "find_installation", "start", "status", "stop", "superuser", "url"]
