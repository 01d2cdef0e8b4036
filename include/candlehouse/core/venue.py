"""Facts about an exchange on which plans, limits and choices depend.

`core` and `storage` know no particular exchange: they take these facts as arguments. The
adapter of each exchange defines them in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from candlehouse.core.importing.file_names import NameFacts
from candlehouse.core.planning.published_files import ArchiveFacts
from candlehouse.core.planning.rest_facts import RestFacts
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.eligibility import PairFacts


class RowOrder(Enum):
    """The order of the rows in a page of candles."""

    OLDEST_FIRST = "oldest first"
    NEWEST_FIRST = "newest first"


@dataclass(frozen=True, slots=True)
class CandleFacts:
    """Properties of an exchange's candles.

    Attributes:
        timeframes: the supported timeframes that the exchange offers.
        order: of the rows of a page, as they are sent.
        history: how far back candles can be requested; None for back to the first candle.
        rows_say_closed: whether a REST row says that its candle is closed; else the exchange's
            clock decides.
        messages_say_closed: whether a stream message says that its candle is closed.
        has_empty_candles: whether a slot without trades has a candle; if not, a missing row is
            not a gap.
        columns: that each candle has; all other columns stay NULL.
    """

    timeframes: frozenset[Timeframe]
    order: RowOrder
    history: timedelta | None
    rows_say_closed: bool
    messages_say_closed: bool
    has_empty_candles: bool
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """Limits of an exchange's websocket streams.

    Attributes:
        attempts: connection attempts allowed per window.
        window_s: length of the window, in seconds.
    """

    attempts: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Venue:
    """All facts about one exchange.

    Attributes:
        name: in lower case, as in EXCHANGE and in the identity stored in a warehouse.
        title: the name as people write it.
        candles: properties of its candles.
        rest: the REST API.
        streams: the websocket streams.
        archive: the published files.
        pairs: the words used in its list of pairs.
        file_names: how people name files of its candles.
    """

    name: str
    title: str
    candles: CandleFacts
    rest: RestFacts
    streams: StreamFacts
    archive: ArchiveFacts
    pairs: PairFacts
    file_names: NameFacts
