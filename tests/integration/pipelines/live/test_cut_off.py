"""A session whose database goes away, or takes no writes, while it streams, and comes back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from candlehouse.core.timeframe import from_ms
from candlehouse.pipelines.live.writing.spool import find_spools
from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.schema.migrate import migrate
from exchange_sim.testing import running
from support.servers.live_session import Sessions

AS_OF = datetime(2026, 3, 3, tzinfo=UTC)


def count_lines(spools: Path) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in find_spools(spools))


@dataclass(frozen=True)
class Stop:
    """The server is shut down, and started again."""

    settings: Settings

    def begin(self) -> None:
        embedded.stop(self.settings)

    def end(self) -> None:
        embedded.start(self.settings, tied=True)


@dataclass(frozen=True)
class Demotion:
    """The server takes no writes for a while, as one that has lost its role to another."""

    settings: Settings

    def begin(self) -> None:
        self._set("on")

    def end(self) -> None:
        self._set("off")

    def _set(self, value: str) -> None:
        server = embedded.status(self.settings)
        assert server is not None
        with (
            embedded.superuser(server.places.sockets, server.port) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            cursor.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("outage", [Stop, Demotion])
@pytest.mark.parametrize("switch", ["off", "on"])
def test_what_closes_without_a_database_is_written_when_it_is_back(
    server_home: Path, tmp_path: Path, switch: str, outage: type[Stop | Demotion]
) -> None:
    if switch == "on" and not embedded.find_installation().timescaledb:
        pytest.skip("TimescaleDB is not installed beside the embedded server")
    variables = {"CANDLEHOUSE_HOME": str(server_home), "CANDLEHOUSE_TIMESCALEDB": switch}
    settings = load_settings(variables)
    url = embedded.start(settings, tied=True).url("owner")
    migrate(url)
    gone = outage(settings)
    with running(seed=1, clock="2026-03-03T09:52:40Z", weight_limit=100_000) as exchange:
        sessions = Sessions(url, exchange.url, tmp_path)
        sessions.choose(AS_OF, "BTC", "ETH")
        spools = sessions.settings.home / "spool"

        async def act() -> None:
            sessions.start()
            await sessions.until("SELECT count(*) FROM market.live_candles", [(2,)])
            await asyncio.to_thread(gone.begin)
            # REST keeps silent, so that the stream alone can have brought what is found.
            exchange.set_faults({"kind": "503", "path": "/api/*"})
            now = from_ms(exchange.set_clock(advance_ms=60_000))
            opened = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
            async with asyncio.timeout(30):
                while count_lines(spools) < 2:  # noqa: ASYNC110  # files tell nobody
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(gone.end)
            await sessions.until(
                f"SELECT symbol, source FROM market.candles_1m WHERE open_time = '{opened}'"
                " ORDER BY 1",
                [("BTCUSDT", "stream"), ("ETHUSDT", "stream")],
            )
            await sessions.until(
                "SELECT spooled >= 2, replayed >= 2 FROM market.stream_sessions"
                " WHERE ended_at IS NULL",
                [(True, True)],
            )
            assert find_spools(spools) == []

        try:
            sessions.run(act)
        finally:
            embedded.stop(settings)
