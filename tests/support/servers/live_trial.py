"""A server of its own, a stand-in whose clock runs, and sessions that stream from it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from candlehouse.core.errors import DatabaseUnavailable
from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.testing import RunningExchange

LENGTHS_MS = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000}
# Every way in which the stand-in's streams go wrong by themselves, and how often.
FRAME_FAULTS = (
    {"kind": "drop", "probability": 0.01},
    {"kind": "duplicate", "probability": 0.02},
    {"kind": "reorder", "probability": 0.02},
    {"kind": "late", "probability": 0.01, "seconds": 1.5},
    {"kind": "malformed", "probability": 0.01},
    {"kind": "never_closed", "probability": 0.1},
    {"kind": "wrong_close", "probability": 0.1},
    {"kind": "silence", "probability": 0.0005, "seconds": 5},
)
_WAIT_S = 0.1
# Who writes what is forming, and when: nothing but a session's writer does.
_AUDIT = """
CREATE TABLE public.writers (backend integer NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION public.note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.writers VALUES (pg_backend_pid(), clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER note_writer AFTER INSERT OR UPDATE ON market.live_candles
FOR EACH STATEMENT EXECUTE FUNCTION public.note_writer();
"""


def audit_writers(engine: Engine) -> None:
    """Makes the database record every write to live candles from now on."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS public")
        connection.exec_driver_sql(_AUDIT, execution_options={"no_parameters": True})


def find_overlapping_writers(engine: Engine) -> list[str]:
    """Connections that wrote while another one was the writer; must be empty."""
    with engine.connect() as connection:
        spans = connection.execute(
            text(
                "SELECT backend, min(at) AS first, max(at) AS last FROM public.writers"
                " GROUP BY backend ORDER BY first"
            )
        ).all()
    return [
        f"{later.backend} wrote from {later.first} on, {earlier.backend} until {earlier.last}"
        for earlier, later in pairwise(spans)
        if later.first <= earlier.last
    ]


def find_wrong_candles(
    engine: Engine, seed: int, symbols: Iterable[str], start_ms: int, until_ms: int
) -> list[str]:
    """How the stored candles differ from those of a stand-in.

    Args:
        engine: of the warehouse.
        seed: of the stand-in's market.
        symbols: that were streamed, in all of `LENGTHS_MS`.
        start_ms: candles that open from here on.
        until_ms: and have closed by then.
    """
    market = SyntheticMarket(seed)
    wrong = []
    for timeframe, length_ms in LENGTHS_MS.items():
        start, end = -(-start_ms // length_ms) * length_ms, until_ms - length_ms + 1
        stored = _select_rows(engine, timeframe, start, end)
        for symbol in symbols:
            candles = market.candles(symbol, timeframe, start, end)
            expected = {candle.open_ms: tuple(map(str, candle.row()[1:11])) for candle in candles}
            found = stored.get(symbol, {})
            wrong += [
                f"{symbol} {timeframe} {_show(at)}: {found.get(at)} is not {expected.get(at)}"
                for at in sorted(expected.keys() | found.keys())
                if found.get(at) != expected.get(at)
            ]
    return wrong


def _select_rows(
    engine: Engine, timeframe: str, start_ms: int, end_ms: int
) -> dict[str, dict[int, tuple[str, ...]]]:
    query = (
        "SELECT symbol, (extract(epoch FROM open_time) * 1000)::bigint AS at, open, high, low,"
        " close, volume, (extract(epoch FROM close_time) * 1000)::bigint AS closes,"
        " quote_volume, trades, taker_buy_volume, taker_buy_quote_volume"
        f" FROM market.candles_{timeframe} WHERE open_time >= to_timestamp(:start / 1000.0)"
        " AND open_time < to_timestamp(:end / 1000.0)"
    )
    found: dict[str, dict[int, tuple[str, ...]]] = {}
    with engine.connect() as connection:
        for row in connection.execute(text(query), {"start": start_ms, "end": end_ms}):
            found.setdefault(row.symbol, {})[row.at] = tuple(map(_plain, row[2:]))
    return found


def find_start(engine: Engine, symbols: Iterable[str]) -> int | None:
    """From where on every candle must be there, None while not all series are wanted yet.

    What is only streamed is wanted from the first whole slot after the first writer began.
    """
    query = text(
        "SELECT count(*) AS series, (extract(epoch FROM max(wanted_from)) * 1000)::bigint AS at"
        " FROM market.series WHERE timeframe = '1m' AND wanted_from IS NOT NULL"
        " AND symbol = ANY (:symbols)"
    )
    listed = list(symbols)
    with engine.connect() as connection:
        row = connection.execute(query, {"symbols": listed}).one()
    return int(row.at) if row.series == len(listed) else None


def _plain(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def seeded(faults: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The same fault rules, with random numbers from another seed."""
    return [{**fault, "seed": seed} for fault in faults]


class LiveTrial:
    """A warehouse into which sessions stream.

    Args:
        settings: of its server; the stand-in's address is put into the sessions' environment.
        exchange: the stand-in.
        symbols: the universe.
    """

    def __init__(
        self, settings: Settings, exchange: RunningExchange, symbols: Sequence[str]
    ) -> None:
        self.settings = settings
        self.exchange = exchange
        self.symbols = list(symbols)
        self.began_ms = 0
        self.sessions: list[subprocess.Popen[bytes]] = []
        self._engine: Engine | None = None
        server = embedded.start(settings)
        self.url = server.url("owner")
        migrate(self.url)

    @property
    def engine(self) -> Engine:
        """Of the warehouse."""
        self._engine = self._engine or connect(self.url, "trial")
        return self._engine

    @property
    def environ(self) -> dict[str, str]:
        """What a session is started with."""
        return {
            **os.environ,
            "CANDLEHOUSE_HOME": str(self.settings.home),
            "CANDLEHOUSE_DATABASE_URL": self.url,
            "BINANCE_REST_URL": self.exchange.url,
            "SYMBOLS": ",".join(self.symbols),
            "RETRY_DELAY": "0.2",
        }

    def run(self, *arguments: str) -> str:
        """Runs a command to its end; what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "candlehouse", *arguments],
            env=self.environ,
            check=True,
            timeout=120,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def start_session(self, log: Path | None = None) -> subprocess.Popen[bytes]:
        """A process that streams."""
        with contextlib.ExitStack() as stack:
            errors = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            process = subprocess.Popen(
                [sys.executable, "-m", "candlehouse", "stream"],
                env=self.environ,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self.sessions.append(process)
        return process

    def read(self, query: str, **values: object) -> list[Any]:
        """Rows of a query; the database may be away for a while."""
        until = time.monotonic() + 60
        while True:
            try:
                with self.engine.connect() as connection:
                    return list(connection.execute(text(query), values).all())
            except DatabaseUnavailable:
                assert time.monotonic() < until
                time.sleep(_WAIT_S)

    def find_writer(self) -> int | None:
        """The process that writes now, None when nobody does."""
        rows = self.read(
            "SELECT worker FROM market.stream_sessions WHERE role = 'writer' AND ended_at IS NULL"
            " AND heartbeat_at > clock_timestamp() - interval '5 seconds'"
            " ORDER BY heartbeat_at DESC LIMIT 1"
        )
        return int(rows[0].worker.rpartition(":")[2]) if rows else None

    def wait_until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Until something holds; fails when it takes longer than allowed."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"{what}: not within {seconds:g} s"
            time.sleep(_WAIT_S)

    def restart_database(self) -> None:
        """Ends the server at once, as a crash would, and starts it again."""
        embedded.stop(self.settings)
        embedded.start(self.settings)

    def find_start(self) -> int | None:
        """From where on every candle must be there, None while that is not known."""
        return find_start(self.engine, self.symbols)

    def find_wrong(self, until_ms: int) -> list[str]:
        """What differs from the stand-in's truth from the beginning up to `until_ms`."""
        seed = int(self.exchange.market_id.rpartition("-")[2])
        return find_wrong_candles(self.engine, seed, self.symbols, self.began_ms, until_ms)

    def end(self) -> None:
        """Ends every session in order; one that does not end is killed."""
        for process in self.sessions:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.sessions:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._engine is not None:
            self._engine.dispose()


@contextmanager
def live_trial(
    home: Path, exchange: RunningExchange, symbols: Sequence[str], timescaledb: bool
) -> Iterator[LiveTrial]:
    """A trial in a folder; everything that it started ends with the block."""
    switch = "on" if timescaledb else "off"
    settings = load_settings({"CANDLEHOUSE_HOME": str(home), "CANDLEHOUSE_TIMESCALEDB": switch})
    try:
        trial = LiveTrial(settings, exchange, symbols)
        try:
            trial.run("universe", "refresh", "--quiet")
            trial.began_ms = exchange.now_ms()
            yield trial
        finally:
            trial.end()
    finally:
        embedded.stop(settings)


def _show(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
