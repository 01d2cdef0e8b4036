"""A backup, made and restored as docs/operations.md says, is the warehouse that it was."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from candlehouse.storage import embedded
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate
from support.places import PROJECT

_CANDLE = text("""
    INSERT INTO market.candles_1h (
        symbol, open_time, close_time, open, high, low, close, volume, source, flags)
    VALUES ('BTCUSDT', '2024-01-01', '2024-01-01 00:59:59.999', 1.10, 2, 1, 1.5, 3, 'rest', NULL)
""")
_COUNT = text("""
    INSERT INTO market.coverage_days (symbol, timeframe, day, present_slots)
    VALUES ('BTCUSDT', '1h', '2024-01-01', 1)
""")
_READ = text("SELECT CAST(open AS text) FROM market.candles WHERE timeframe = '1h'")


def run(program: str, *arguments: str) -> None:
    path = embedded.find_installation().program(program)
    subprocess.run([path, *arguments], check=True, capture_output=True, timeout=120)


def test_a_restored_backup_is_the_warehouse_that_it_was(
    fresh_database: Callable[..., str], empty_database: Callable[..., str], tmp_path: Path
) -> None:
    before, after = fresh_database(timescale=False), empty_database(timescale=False)
    engine = connect(before)
    with engine.begin() as connection:
        connection.execute(_CANDLE)
        connection.execute(_COUNT)
    engine.dispose()
    dump = str(tmp_path / "candlehouse.dump")
    run("pg_dump", "--format=custom", f"--file={dump}", before)
    run("pg_restore", f"--dbname={after}", "--no-owner", "--exit-on-error", dump)
    assert migrate(after) == []
    engine = connect(after)
    with engine.connect() as connection:
        assert connection.execute(_READ).scalars().all() == ["1.10"]
        assert list(find_differences(connection)) == []
    engine.dispose()


def test_operations_says_what_is_tried_here() -> None:
    page = (PROJECT / "docs/operations.md").read_text()
    for part in ("pg_dump --format=custom --file=", "pg_restore --dbname=", "--no-owner"):
        assert part in page
