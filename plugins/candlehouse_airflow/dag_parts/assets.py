"""Assets that join the DAGs: who made something new, so that others may follow.

An event only says that there is something: consumers find out from the database what
is new, for a failed run stores candles too and sends none.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow.sdk import Asset

from candlehouse.core.timeframe import Timeframe

UNIVERSE = Asset("universe")


def candle_assets(timeframes: Iterable[Timeframe]) -> list[Asset]:
    """An asset a timeframe: `candles_5m`, named as its table."""
    return [Asset(f"candles_{timeframe}") for timeframe in timeframes]
