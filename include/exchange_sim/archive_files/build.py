"""Makes archive files ahead of time: ``python -m exchange_sim.archive_files.build``.

A server that is started with the same ``--archive-cache`` finds them ready.
"""

import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import get_args

import click

from exchange_sim.archive_files.archive_names import ArchiveFile, Tree, files
from exchange_sim.archive_files.store import ArchiveStore, csv_of, held_name, zip_of
from exchange_sim.klines.intervals import iso_ms
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.memory import keep_freed_memory

# Texts that wait to be packed, each of a few megabytes.
_MOST_PACKING = 4


@click.command()
@click.option("--archive-cache", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--archive-cache-mb", default=1024, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--symbols", required=True, help="Comma list.")
@click.option("--intervals", required=True, help="Comma list.")
@click.option("--start", required=True, help="ISO date of the first candle wanted.")
@click.option("--clock", required=True, help="ISO instant; what is published by then is made.")
@click.option("--trees", default="monthly,daily", show_default=True, help="Comma list.")
def build(
    archive_cache: Path,
    archive_cache_mb: int,
    seed: int,
    symbols: str,
    intervals: str,
    start: str,
    clock: str,
    trees: str,
) -> None:
    """Make every published file of some series of the synthetic market."""
    keep_freed_memory()
    market = SyntheticMarket(seed)
    store = ArchiveStore(archive_cache, archive_cache_mb * 1024 * 1024)
    made = 0
    # Packing needs no interpreter: it goes on beside the making of the next text.
    with ThreadPoolExecutor(1) as packer:
        packing: deque[tuple[str, Future[bytes]]] = deque()
        for file in _wanted(market, trees, symbols, intervals, (iso_ms(start), iso_ms(clock))):
            name = held_name(market, file)
            text = b"" if store.sums(name) is not None else csv_of(market, file)
            if text:
                packing.append((name, packer.submit(zip_of, file, text)))
                made += 1
            while len(packing) > _MOST_PACKING:
                _store_first(store, packing)
        while packing:
            _store_first(store, packing)
    sys.stdout.write(f"made {made} files of {market.market_id} in {archive_cache}\n")


def _store_first(store: ArchiveStore, packing: deque[tuple[str, Future[bytes]]]) -> None:
    name, packed = packing.popleft()
    store.write(name, packed.result())


def _wanted(
    market: SyntheticMarket, trees: str, symbols: str, intervals: str, bounds_ms: tuple[int, int]
) -> Iterator[ArchiveFile]:
    """Yield the published files of some series that have rows.

    Args:
        market: whose series.
        trees: comma list, as the other two.
        symbols: those wanted.
        intervals: those wanted of each.
        bounds_ms: first open time wanted, and the instant up to which files are published.
    """
    start_ms, now_ms = bounds_ms
    for tree in get_args(Tree):
        if tree not in trees.split(","):
            continue
        for symbol, interval in product(symbols.split(","), intervals.split(",")):
            life = market.life(symbol, interval)
            if life is None:
                continue
            for file in files(tree, symbol, interval, max(life[0], start_ms), now_ms):
                if file.start_ms < life[1]:
                    yield file


if __name__ == "__main__":
    build()
