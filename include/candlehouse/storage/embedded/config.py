"""The embedded server's configuration, rendered at each start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

from candlehouse.storage.embedded.binaries import Account

_MB = 1024 * 1024
CONFIG_FILE = "candlehouse.conf"


def tune(memory_bytes: int) -> dict[str, str]:
    """Settings for a machine that also runs Airflow: an eighth of the memory, at most 512 MB."""
    shared_mb = max(64, min(512, memory_bytes // 8 // _MB))
    return {
        "shared_buffers": f"{shared_mb}MB",
        "effective_cache_size": f"{max(128, memory_bytes // 2 // _MB)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(64, shared_mb // 2)}MB",
        "max_connections": "200",
        # A query takes one lock per partition or chunk that it touches.
        "max_locks_per_transaction": "256",
        "synchronous_commit": "on",
        # For bulk loading: buffers for four segments, so that writers need not wait while a segment
        # of 16 MB is written (5% of the time), and fewer checkpoints.
        "wal_buffers": f"{shared_mb // 8}MB",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "random_page_cost": "1.1",
        # Compiling costs more than it saves for many short queries.
        "jit": "off",
        "timezone": "UTC",
    }


def log_to(folder: Path) -> dict[str, str]:
    """One log file per weekday, overwritten a week later, which bounds the size of the logs."""
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
    """Settings to load TimescaleDB; without it no library is loaded."""
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
    """The text of the configuration file; `extra` overrides all other values."""
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
    """The files of the data folder that define who may connect, with their text.

    The superuser has no password: only the server's own system user and the user that started it
    may connect as superuser, and only through the socket. All other roles need their password.
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
