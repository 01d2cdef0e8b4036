"""What Candlehouse adds to Airflow itself: the only plugin class.

Every component of Airflow runs this file, so it imports next to nothing.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from candlehouse_airflow.runtime import labelling, preloading


class CandlehousePlugin(AirflowPlugin):
    """Candlehouse in the list of plugins."""

    name = "candlehouse"
    listeners = [labelling, preloading]  # noqa: RUF012 - Airflow's own form of it
