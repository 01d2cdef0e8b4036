"""What one running stand-in consists of; handlers find it in their application."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

from exchange_sim.archive_files.store import ArchiveStore
from exchange_sim.archive_files.sums import Sums
from exchange_sim.clock import MarketClock
from exchange_sim.faults.fault_rules import Fault
from exchange_sim.faults.faultbook import FaultBook
from exchange_sim.klines.instrument import Market
from exchange_sim.limits import WeightLimiter
from exchange_sim.lru import BoundedCache
from exchange_sim.stream_options import StreamOptions

_ALTERED_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class Exchange:
    """The parts of a stand-in, put together once at start.

    Attributes:
        gzip: whether replies are compressed for clients that accept it.
        archive_lock: held while an archive file is made, so that none is made twice.
        altered: zips that faults made of held files, with their sums.
        paths, statuses: how many requests each path got, and replies each status.
    """

    market: Market
    clock: MarketClock
    limiter: WeightLimiter
    faults: FaultBook
    archive: ArchiveStore
    gzip: bool = False
    stream_options: StreamOptions = field(default_factory=StreamOptions)
    archive_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    altered: BoundedCache[tuple[str, Fault], tuple[Sums, bytes]] = field(
        default_factory=lambda: BoundedCache(_ALTERED_BYTES)
    )
    paths: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    @staticmethod
    def monotonic() -> float:
        """Return real seconds, for limits and bans."""
        return time.monotonic()


EXCHANGE = web.AppKey("exchange", Exchange)


def exchange_of(request: web.Request) -> Exchange:
    """Return the stand-in that got this request."""
    return request.app[EXCHANGE]
