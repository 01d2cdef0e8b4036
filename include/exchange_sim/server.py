"""Runs the application until SIGTERM or SIGINT."""

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from exchange_sim.app import build_app
from exchange_sim.klines.intervals import moment
from exchange_sim.state import Exchange

# Requests that a fault keeps waiting are not waited for at the end.
_SHUTDOWN_S = 0.2
# The names of 1024 streams in one address.
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes any free one, which is then written to ``port_file``."""

    host: str
    port: int
    port_file: Path | None = None


def _write_port(path: Path, port: int) -> None:
    """Write the port so that a reader never sees half of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(f"{port}\n", encoding="ascii")
    part.replace(path)


async def serve(exchange: Exchange, address: Address) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: the port is taken, or the host is not ours.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        build_app(exchange),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_SHUTDOWN_S,
        max_line_size=_LONGEST_LINE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, address.host, address.port, backlog=512).start()
        host, port = runner.addresses[0][:2]
        if address.port_file is not None:
            _write_port(address.port_file, port)
        now = moment(exchange.clock.now_ms()).isoformat(timespec="seconds")
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(
            f"exchange_sim ready at http://{shown}:{port} "
            f"market {exchange.market.market_id} clock {now}\n"
        )
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()
