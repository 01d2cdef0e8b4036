"""What the run asks of the use cases: it joins them and knows none of them itself."""

from __future__ import annotations

from typing import Protocol

from candlehouse.settings import Settings
from candlehouse.stack.progress import Totals


class Hooks(Protocol):
    """Use cases of the run. `warehouse` is the owner's URL of it."""

    def migrate(self, warehouse: str) -> None:
        """Brings the schema up to date."""

    def wants_stand_in(self, settings: Settings, warehouse: str) -> bool:
        """Whether a stand-in has to be started for this warehouse."""

    def settle_exchange(self, settings: Settings, warehouse: str, sim_url: str | None) -> str:
        """Decides which exchange the warehouse belongs to, or checks that it is still that one.

        Args:
            settings: with the kind that is asked for.
            warehouse: that remembers the decision.
            sim_url: of the stand-in that was started, None if there is none.

        Returns:
            The exchange's name.
        """

    def refresh_universe(self, settings: Settings, warehouse: str) -> str:
        """Takes a snapshot of the universe; says in a line what it found."""

    def read_totals(self, warehouse: str) -> Totals:
        """How far collection is."""
