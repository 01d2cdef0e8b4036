"""Stores published files: unchanged lines where all rows are valid, else row by row."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from candlehouse.core.errors import UnfitRows
from candlehouse.core.model import Series
from candlehouse.core.planning.published_files import FileAnswer
from candlehouse.core.ports import CandleArchive
from candlehouse.pipelines.fetching.store import store_group
from candlehouse.storage.candles.page_writer import Written, lock_series
from candlehouse.storage.database.durability import commit_later
from candlehouse.storage.database.transactions import run_transaction
from candlehouse.storage.truth.loaded_files import record_loaded, select_replaced
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


def store_answers(
    warehouse: Warehouse,
    archive: CandleArchive,
    answers: Sequence[FileAnswer],
    now: datetime,
    grace: timedelta,
    run: int | None = None,
) -> Written:
    """Stores files and the record of their loading, one transaction per series.

    Candles that are stored already are compared, and the comparison is recorded. Commits are
    asynchronous: a server that dies may lose the last whole transactions, until
    `storage.database.durability.flush` returns.

    Args:
        warehouse: to read from and to write to.
        archive: that they came from.
        answers: of any series; no two of the same slots.
        now: the exchange's time.
        grace: as in `store.store_pages`.
        run: likewise.
    """
    groups: dict[tuple[Series, type], list[FileAnswer]] = defaultdict(list)
    for answer in answers:
        groups[answer.file.series, type(answer.page)].append(answer)
    written = Written()
    for group in groups.values():
        written += _store(warehouse, archive, group, now, grace, run)
    return written


def _store(
    warehouse: Warehouse,
    archive: CandleArchive,
    group: Sequence[FileAnswer],
    now: datetime,
    grace: timedelta,
    run: int | None,
) -> Written:
    pages = [answer.page for answer in group]

    def store(connection: Connection) -> Written | None:
        commit_later(connection)
        lock_series(connection, (page.series for page in pages))
        replaced = select_replaced(connection, group)
        if len(group) > 1 and replaced:
            return None
        # First, so that what is found out of the candles is newer than the file.
        record_loaded(connection, [(a, archive.locate(a.file)) for a in group], now)
        return store_group(
            connection, pages, now, grace, confirming=True, run=run, replaced=bool(replaced)
        )

    try:
        stored = run_transaction(warehouse.write, store)
        if stored is not None:
            return stored
    except UnfitRows as error:
        _log.warning("looking at each row of %s file(s): %s", len(group), error)
    # One bad row spoils the transaction of all, and what one file may change another may not:
    # each is read apart then.
    written = Written()
    for answer in group:
        one = answer if len(group) > 1 else archive.read_rows(answer)
        written += _store(warehouse, archive, [one], now, grace, run)
    return written
