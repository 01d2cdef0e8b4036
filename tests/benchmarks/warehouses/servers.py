"""Servers of the benchmark's own, configured as deployed, and gone after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate

PLAIN, TIMESCALE = "plain PostgreSQL", "TimescaleDB"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a warehouse holds.

    Attributes:
        candles: how many closed ones of each stream, `btcusdt@kline_1m`.
        first_ms: open time of the oldest of each.
        last_ms: open time of the newest of each.
        corrections: candles that were written a second time, with other values.
        quarantined: messages and candles that were refused.
    """

    candles: dict[str, int]
    first_ms: dict[str, int]
    last_ms: dict[str, int]
    corrections: int
    quarantined: int


def find_kinds() -> list[str]:
    """Warehouses that this machine can have."""
    installed = embedded.find_installation().timescaledb is not None
    return [PLAIN, *([TIMESCALE] if installed else [])]


@contextmanager
def warehouse(kind: str, extra: Mapping[str, str] | None = None) -> Iterator[tuple[str, Path]]:
    """The owner's URL of a new warehouse, and a folder for anything else; durable as deployed.

    Args:
        kind: one of `find_kinds()`.
        extra: settings of the server that are to be otherwise than deployed.
    """
    with TemporaryDirectory(prefix="candlehouse-bench-") as folder:
        settings = load_settings(
            {
                "CANDLEHOUSE_HOME": f"{folder}/home",
                "CANDLEHOUSE_TIMESCALEDB": "on" if kind == TIMESCALE else "off",
            }
        )
        server = embedded.start(settings, extra=extra or {}, tied=True)
        try:
            migrate(server.url("owner"))
            yield server.url("owner"), Path(folder)
        finally:
            embedded.stop(settings)


def read_stored(url: str) -> Stored:
    """Counts what is there."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT lower(symbol) || '@kline_' || timeframe, count(*),"
                    " extract(epoch FROM min(open_time)) * 1000,"
                    " extract(epoch FROM max(open_time)) * 1000"
                    " FROM market.candles GROUP BY symbol, timeframe"
                )
            ).all()
            counts = [
                int(connection.execute(text(f"SELECT count(*) FROM market.{table}")).scalar_one())
                for table in ("corrections", "quarantined_candles")
            ]
    finally:
        engine.dispose()
    return Stored(
        {name: count for name, count, _, _ in rows},
        {name: int(first) for name, _, first, _ in rows},
        {name: int(last) for name, _, _, last in rows},
        *counts,
    )
