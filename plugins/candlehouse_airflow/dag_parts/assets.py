"""Airflow assets that connect the DAGs: one DAG updates an asset, others run after it.

An asset event only says that there is something new. Consumers find out from the database what
it is, because a failed run stores candles too, and sends no event.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow.sdk import Asset

from candlehouse.core.timeframe import Timeframe

UNIVERSE = Asset("universe")


def candle_assets(timeframes: Iterable[Timeframe]) -> list[Asset]:
    """One asset per timeframe, such as `candles_5m`, with the name of its table."""
    return [Asset(f"candles_{timeframe}") for timeframe in timeframes]
