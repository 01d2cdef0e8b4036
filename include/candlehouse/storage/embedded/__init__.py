"""The embedded PostgreSQL: a server of one's own below the home folder, loopback only.

`start` makes everything (data folder, databases, login roles, TimescaleDB where it
is installed), and any number of processes may call it at once. `url` says how to
connect as `owner`, `airflow` or `analyst`.
"""

from candlehouse.storage.embedded.binaries import find_installation
from candlehouse.storage.embedded.bootstrap import superuser
from candlehouse.storage.embedded.server import Server, start, status, stop, url

__all__ = ["Server", "find_installation", "start", "status", "stop", "superuser", "url"]
