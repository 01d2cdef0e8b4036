"""What an exchange is like, as far as plans, limits and choices depend on it.

Nothing in `core` and `storage` knows an exchange: they take these facts as arguments. The
adapter of an exchange states them, once.
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
    """In which order the rows of a page of candles come."""

    OLDEST_FIRST = "oldest first"
    NEWEST_FIRST = "newest first"


@dataclass(frozen=True, slots=True)
class CandleFacts:
    """What the candles of an exchange are like, and so what may be concluded from them.

    Attributes:
        timeframes: that the exchange has, of those that can be kept.
        order: of the rows of a page, as they are sent.
        history: how far back candles can be asked for; None for the first one of all.
        rows_say_closed: whether a row says that its candle is closed; else the exchange's
            clock decides.
        messages_say_closed: the same of a message of a stream.
        has_empty_candles: whether a slot in which nobody traded has a candle; else a missing
            row is no gap.
        columns: that each candle has; others stay unknown.
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
    """The websocket streams of an exchange.

    Attributes:
        attempts: connections that may be attempted in a window.
        window_s: length of the window, in seconds.
    """

    attempts: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Venue:
    """One exchange.

    Attributes:
        name: in lower case, as in EXCHANGE and in the identity that a warehouse stores.
        title: the name as people write it.
        candles: what candles are like.
        rest: the REST API.
        streams: the websocket streams.
        archive: the published files.
        pairs: the words that its list of pairs uses.
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
