"""What the run asks of the use cases: it joins them and knows none of them itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from candlehouse.settings import Settings
from candlehouse.stack.progress import Totals


@dataclass(frozen=True, slots=True)
class Hooks:
    """Use cases of the run. Each gets the settings and the owner's URL of the warehouse.

    Attributes:
        migrate: brings the schema up to date.
        wants_sim: decides which exchange the warehouse belongs to; True for the stand-in.
        refresh_universe: takes a snapshot of the universe; says what it found.
        read_totals: how far collection is.
    """

    migrate: Callable[[str], list[str]]
    wants_sim: Callable[[Settings, str], bool]
    refresh_universe: Callable[[Settings, str], str]
    read_totals: Callable[[Settings, str], Totals]
