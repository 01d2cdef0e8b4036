"""Compares two warehouses: every value, flag and verdict, but no time of loading."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

_CANDLES = """
SELECT count(*), md5(string_agg(md5(line), '' ORDER BY line))
FROM (
    SELECT concat_ws('|', symbol, timeframe, open_time, close_time, open, high, low, close,
        volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume, flags) AS line
    FROM market.candles
) AS c
"""
_GAPS = """
SELECT symbol, timeframe, gap_start, gap_end, verdict FROM market.gaps ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Digest:
    """What two warehouses have in common when they are the same."""

    candles: int
    checksum: str
    gaps: tuple[tuple[object, ...], ...]


def digest_tables(engine: Engine) -> Digest:
    """The digest of a warehouse."""
    with engine.connect() as connection:
        candles, checksum = connection.execute(text(_CANDLES)).one()
        gaps = connection.execute(text(_GAPS))
        return Digest(candles, checksum, tuple(tuple(row) for row in gaps))
