"""The embedded server's configuration: rendered anew at each start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

from candlehouse.storage.embedded.binaries import Account

_MB = 1024 * 1024
CONFIG_FILE = "candlehouse.conf"


def tune(memory_bytes: int) -> dict[str, str]:
    """Settings for a machine that runs Airflow too: an eighth of its memory, at most 512 MB."""
    shared_mb = max(64, min(512, memory_bytes // 8 // _MB))
    return {
        "shared_buffers": f"{shared_mb}MB",
        "effective_cache_size": f"{max(128, memory_bytes // 2 // _MB)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(64, shared_mb // 2)}MB",
        "max_connections": "200",
        # Every partition and chunk that a query touches takes a lock of its own.
        "max_locks_per_transaction": "256",
        "synchronous_commit": "on",
        # Bulk loading of history: room for four segments, so that nobody who writes waits while
        # one of 16 MB goes to disk (a twentieth of the time), and fewer checkpoints, spread out.
        "wal_buffers": f"{shared_mb // 8}MB",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "random_page_cost": "1.1",
        # Many short queries: compiling them costs more than it gains.
        "jit": "off",
        "timezone": "UTC",
    }


def log_to(folder: Path) -> dict[str, str]:
    """A file a weekday, each overwritten a week later: the log cannot grow for ever."""
    return {
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "logging_collector": "on",
        "log_directory": str(folder),
        "log_filename": "postgres-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
    }


def preload(timescaledb: str | None) -> dict[str, str]:
    """What TimescaleDB needs to be loaded, nothing without it."""
    if timescaledb is None:
        return {"shared_preload_libraries": ""}
    return {
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "timescaledb.max_background_workers": "8",
        "max_worker_processes": "24",
    }


def render_config(
    port: int,
    socket_folder: Path,
    log_folder: Path,
    timescaledb: str | None,
    extra: Mapping[str, str],
) -> str:
    """The whole of the file; `extra` wins."""
    values = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        **tune(psutil.virtual_memory().total),
        **log_to(log_folder),
        **preload(timescaledb),
        **extra,
    }
    lines = "\n".join(f"{name} = {_quote(value)}" for name, value in values.items())
    return f"# Written at each start of the embedded server: edits are lost.\n{lines}\n"


def render_access(account: Account, own_name: str) -> dict[str, str]:
    """Who may connect: files of the data folder and their text.

    The superuser has no password: only the server's own system user, and whoever
    started it, may be it, and only through the socket. All others need theirs.
    """
    hba = (
        "local all postgres                   peer map=candlehouse\n"
        "local all all                        scram-sha-256\n"
        "host  all postgres 127.0.0.1/32      reject\n"
        "host  all all      127.0.0.1/32      scram-sha-256\n"
    )
    names = dict.fromkeys((account.name, own_name))
    ident = "".join(f'candlehouse "{name}" postgres\n' for name in names)
    return {"pg_hba.conf": hba, "pg_ident.conf": ident}


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
