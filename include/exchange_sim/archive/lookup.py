"""Finding the zip that a path stands for: held, made on demand, or altered by a fault."""

import asyncio
from dataclasses import dataclass

from exchange_sim.archive_files.archive_names import ArchiveFile
from exchange_sim.archive_files.file_faults import altered_text
from exchange_sim.archive_files.store import ArchiveStore, csv_of, held_name, text_of, zip_of
from exchange_sim.archive_files.sums import Sums, sums_of
from exchange_sim.faults.fault_rules import Fault
from exchange_sim.faults.faultbook import RequestedFile
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
    """Return the zip of a published file as the faults in force have it.

    None if it is not out yet or has no rows.
    """
    now_ms = exchange.clock.now_ms()
    market = exchange.market
    if file.published_ms > now_ms or market.instrument(file.symbol, now_ms) is None:
        return None
    if market.unserved(file.symbol, file.interval) is not None:
        return None
    true = await _true_zip(exchange, file)
    if true is None or not len(exchange.faults):
        return true
    fault = exchange.faults.pick_for_file(
        RequestedFile(f"/{file.key}", file.symbol, file.interval, file.start_ms, file.end_ms)
    )
    return true if fault is None else await _altered_zip(exchange, file, true, fault)


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
        return FoundZip(exchange.archive.write(key, data), key, data)


async def _altered_zip(
    exchange: Exchange, file: ArchiveFile, true: FoundZip, fault: Fault
) -> FoundZip:
    """Return the zip with another text; the same fault always makes the same bytes."""
    known = exchange.altered.get((true.key, fault))
    if known is None:
        text = altered_text(fault, file, text_of(true.read(exchange.archive)))
        data = await asyncio.to_thread(zip_of, file, text)
        known = (sums_of(data), data)
        exchange.altered.put((true.key, fault), known, len(data))
    return FoundZip(known[0], true.key, known[1])
