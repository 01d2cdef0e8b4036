"""Binance's own files: genuine zips, and years of candles over the switch to microseconds."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from candlehouse.core.model import Series, Span
from candlehouse.core.planning.published_files import ArchiveFile, Tree
from candlehouse.core.planning.windows import Scope, Window
from candlehouse.core.timeframe import EPOCH, Timeframe
from candlehouse.exchange.binance.archive.source import ArchiveSource
from candlehouse.exchange.binance.facts import ARCHIVE
from candlehouse.pipelines.collecting.collect_run import collect_scope, judge_scope
from candlehouse.pipelines.fetching.file_storing import store_answers
from candlehouse.pipelines.venue.wiring import open_source
from candlehouse.settings import load_settings
from candlehouse.storage.completeness.coverage import find_differences
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse
from exchange_sim.testing import running
from support.places import SHARED_DATA
from support.warehouses import warehouse_of

DATA = SHARED_DATA
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the folder of real candles is not beside the project"
)
GRACE = timedelta(minutes=10)
Row = tuple[str, ...]


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Files of a folder over HTTP; the URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read(source: io.TextIOBase) -> Iterator[Row]:
    """Rows as they must be stored: times in milliseconds, numbers to the letter."""
    for items in csv.reader(source):
        opens, closes = (int(items[at]) for at in (0, 6))
        if opens > 10**14:
            opens, closes = opens // 1000, closes // 1000
        yield (str(opens), *items[1:6], str(closes), *items[7:11])


def stored(engine: Engine, timeframe: str) -> list[Row]:
    sql = (
        "SELECT open_time, open::text, high::text, low::text, close::text, volume::text,"
        " close_time, quote_volume::text, trades::text, taker_buy_volume::text,"
        f" taker_buy_quote_volume::text FROM market.candles_{timeframe} ORDER BY open_time"
    )
    with engine.connect() as connection:
        rows = [list(row) for row in connection.execute(text(sql))]
    for row in rows:
        for at in (0, 6):
            row[at] = str((row[at] - EPOCH) // timedelta(milliseconds=1))
    return [tuple(row) for row in rows]


def test_genuine_zips_load_to_the_letter(engine: Engine, tmp_path: Path) -> None:
    series = Series("BTCUSDT", Timeframe.M1)
    days = [datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    files = [ArchiveFile(series, Tree.DAILY, day) for day in days]
    expected: list[Row] = []
    for file in files:
        genuine = DATA / "vision_zip_1m" / f"{file.stem}.zip"
        place = tmp_path / ARCHIVE.path_of(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(genuine, place)
        checksum = hashlib.sha256(genuine.read_bytes()).hexdigest()
        place.with_name(f"{place.name}.CHECKSUM").write_text(f"{checksum}  {place.name}\n")
        with zipfile.ZipFile(genuine) as archive:
            expected += read(io.StringIO(archive.read(f"{file.stem}.csv").decode()))

    async def load() -> None:
        with serving(tmp_path) as url:
            async with ArchiveSource(url, identity="binance") as source:
                answers = [await source.fetch_file(file, file.span) for file in files]
                now = datetime(2020, 2, 1, tzinfo=UTC)
                written = store_answers(warehouse_of(engine), source, answers, now, GRACE)
                assert (written.inserted, written.quarantined) == (3 * 1440, 0)

    asyncio.run(load())
    assert stored(engine, "1m") == expected
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []


def test_years_load_to_the_letter_and_their_holes_get_verdicts(
    engine: Engine, warehouse_url: str, tmp_path: Path
) -> None:
    with running(
        folder=DATA / "vision_csv", clock="2026-01-20T00:00:00Z", frozen=True, weight_limit=100_000
    ) as exchange:
        settings = load_settings(
            {
                "CANDLEHOUSE_HOME": str(tmp_path),
                "CANDLEHOUSE_DATABASE_URL": warehouse_url,
                "BINANCE_REST_URL": exchange.url,
                "COLLECTION_START_DATE": "2021-01-01",
            }
        )
        span = Span(datetime(2021, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
        timeframes = (Timeframe.H1, Timeframe.D1)
        scope = Scope(Window.BACKWARD, timeframes, ("BTCUSDT",), span)

        async def run() -> None:
            async with open_source(Warehouse(settings, engine)) as source:
                report = await collect_scope(Warehouse(settings, engine), source, scope)
                assert report.failures == {}
                assert report.files == 60
                await judge_scope(Warehouse(settings, engine), source, scope)

        asyncio.run(run())
    for timeframe in timeframes:
        expected: list[Row] = []
        for path in sorted((DATA / "vision_csv").glob(f"BTCUSDT-{timeframe}-*.csv")):
            with path.open() as file:
                expected += read(file)
        assert stored(engine, timeframe.value) == expected
    with engine.connect() as connection:
        assert list(find_differences(connection)) == []
        found = [
            tuple(row)
            for row in connection.execute(
                text(
                    "SELECT timeframe, gap_start, candles_missing, verdict FROM market.gaps"
                    " WHERE gap_end < '2026-01-01' ORDER BY gap_start"
                )
            )
        ]
    assert found == read_holes()


def read_holes() -> list[tuple[object, ...]]:
    with (DATA / "TRUTH_gaps.csv").open() as file:
        return [
            (
                row["interval"],
                datetime.fromisoformat(row["first_missing_open_utc"]).replace(tzinfo=UTC),
                int(row["missing_candles"]),
                # It is the only symbol that is served: nobody can witness an outage.
                "pending",
            )
            for row in csv.DictReader(file)
            if row["set"] == "vision_csv"
        ]
