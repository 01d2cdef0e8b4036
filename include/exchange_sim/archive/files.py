"""Finding the zip that a path stands for: held or made on demand."""

import asyncio
from dataclasses import dataclass

from exchange_sim.archive.naming import ArchiveFile
from exchange_sim.archive.store import ArchiveStore, csv_of, held_name, zip_of
from exchange_sim.archive.sums import Sums, sums_of
from exchange_sim.state import Exchange


@dataclass(frozen=True, slots=True)
class FoundZip:
    """A zip that is published.

    Attributes:
        sums: its size and sums.
        key: its name in the store.
        made: its bytes, None if the store holds them.
    """

    sums: Sums
    key: str
    made: bytes | None = None

    def read(self, store: ArchiveStore) -> bytes:
        """Return its bytes.

        Raises:
            LookupError: other files took its place in the store after it was found.
        """
        data = store.read(self.key) if self.made is None else self.made
        if data is None:
            raise LookupError(self.key)
        return data


async def find_zip(exchange: Exchange, file: ArchiveFile) -> FoundZip | None:
    """Return the zip of a published file.

    None if it is not out yet or has no rows.
    """
    now_ms = exchange.clock.now_ms()
    market = exchange.market
    if file.published_ms > now_ms or market.instrument(file.symbol, now_ms) is None:
        return None
    if market.unserved(file.symbol, file.interval) is not None:
        return None
    return await _true_zip(exchange, file)


async def _true_zip(exchange: Exchange, file: ArchiveFile) -> FoundZip | None:
    key = held_name(exchange.market, file)
    sums = exchange.archive.sums(key)
    if sums is not None:
        return FoundZip(sums, key)
    # One file is made once, however many ask for it at the same time.
    async with exchange.archive_lock:
        sums = exchange.archive.sums(key)
        if sums is not None:
            return FoundZip(sums, key)
        text = csv_of(exchange.market, file)
        if not text:
            return None
        data = await asyncio.to_thread(zip_of, file, text)
        exchange.archive.write(key, data)
        return FoundZip(sums_of(data), key, data)
