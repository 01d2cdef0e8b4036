"""On what the benchmarks ran: figures of different machines are not comparable."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from candlehouse.storage.embedded import find_installation

_PACKAGES = ("uvloop", "websockets", "msgspec", "aiohttp", "orjson", "ccxt", "psycopg2-binary")


def describe_machine() -> dict[str, str]:
    """Names and values, in the order of telling."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": f"{_processor()}, {psutil.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": load,
        "python": platform.python_version(),
        "versions": ", ".join(_versions(_PACKAGES)),
        "timescaledb": find_installation().timescaledb or "not installed",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _versions(packages: Iterable[str]) -> Iterable[str]:
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} absent"
