"""Imports files of candles: stored by the same writer as all others, their holes explained."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from candlehouse.core.model import Series, Source, Span
from candlehouse.exchange.candle_files import read_candle_file
from candlehouse.pipelines.judging.held import judge_held
from candlehouse.pipelines.judging.verdicts import JudgeReport
from candlehouse.pipelines.store import store_pages
from candlehouse.storage.candles import Written
from candlehouse.storage.exchange_state import select_exchange_state

_log = logging.getLogger(__name__)


class CandleFile(NamedTuple):
    """A file and the series that it is of."""

    path: Path
    series: Series


@dataclass(slots=True)
class ImportReport:
    """What an import did."""

    files: int = 0
    written: Written = field(default_factory=Written)
    judged: JudgeReport = field(default_factory=JudgeReport)


def import_files(
    engine: Engine,
    files: Sequence[CandleFile],
    source: Source,
    grace: timedelta,
) -> ImportReport:
    """Stores files, a transaction each, then judges what is missing inside of them.

    Running it again changes nothing.

    Args:
        engine: of the warehouse.
        files: where two of them differ in a candle, the later one is stored.
        source: that their candles count as.
        grace: as in `store.store_pages`.

    Raises:
        UnreadableFile: when one is no file of candles; those before it are stored, and
            their holes are pending.
    """
    now = select_now(engine)
    report = ImportReport()
    asked: dict[Series, list[Span]] = defaultdict(list)
    for path, series in files:
        page = read_candle_file(path, series, source, now)
        report.written += store_pages(engine, [page], now, grace)
        report.files += 1
        if page.count:
            asked[series].append(page.span)
        if page.rejected:
            rules = Counter(row.rule for row in page.rejected)
            told = ", ".join(f"{rows} {rule}" for rule, rows in sorted(rules.items()))
            _log.warning("%s: not stored, and in quarantine: %s", path, told)
    report.judged = judge_held(engine, asked, now)
    return report


def select_now(engine: Engine) -> datetime:
    """The exchange's time as last seen; this machine's while no exchange has been seen."""
    with engine.connect() as connection:
        state = select_exchange_state(connection)
    return datetime.now(UTC) if state is None else state.exchange_time
