"""The use cases that `make run` needs, as an interface: the command line passes them in."""

from __future__ import annotations

from typing import Protocol

from candlehouse.settings import Settings
from candlehouse.stack.progress import Totals


class Hooks(Protocol):
    """Use cases of the run. `warehouse` is the URL of the warehouse for its owner."""

    def migrate(self, warehouse: str) -> None:
        """Brings the schema up to date."""

    def wants_stand_in(self, settings: Settings, warehouse: str) -> bool:
        """Whether a stand-in has to be started for this warehouse."""

    def settle_exchange(self, settings: Settings, warehouse: str, sim_url: str | None) -> str:
        """Decides which exchange the warehouse belongs to, or checks that it is still that one.

        Args:
            settings: with EXCHANGE and the URLs.
            warehouse: that stores the decision.
            sim_url: base URL of the stand-in that was started; None without one.

        Returns:
            The exchange's identity.
        """

    def refresh_universe(self, settings: Settings, warehouse: str) -> str:
        """Takes a snapshot of the universe; returns one line on its members."""

    def read_totals(self, warehouse: str) -> Totals:
        """Counts of expected, present, absent and pending candles."""
