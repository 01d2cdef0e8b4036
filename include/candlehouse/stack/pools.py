"""Airflow's pools: how many tasks of each kind run at the same time.

`python -m candlehouse.stack.pools` prints them as `airflow pools import` reads them.
"""

from __future__ import annotations

import json

POOLS = {
    "collect": (4, "fetching and storing candles"),
    "stream": (4, "live writers and their standbys"),
    "gx": (1, "validation: the library needs 300 MB"),
}


def render_pools() -> str:
    """The pools in the form that Airflow imports."""
    pools = {
        name: {"slots": slots, "description": description, "include_deferred": False}
        for name, (slots, description) in POOLS.items()
    }
    return json.dumps(pools, indent=2)


if __name__ == "__main__":
    print(render_pools())
