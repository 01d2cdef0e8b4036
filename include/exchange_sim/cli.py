"""The command line of the stand-in."""

import asyncio
import sys
import time
from contextlib import closing
from pathlib import Path

import click
import uvloop

from exchange_sim.archive_files.store import ArchiveStore
from exchange_sim.clock import MarketClock
from exchange_sim.faults.fault_rules import Fault, FaultError, parse_faults
from exchange_sim.faults.faultbook import FaultBook
from exchange_sim.klines.instrument import Market
from exchange_sim.klines.intervals import iso_ms
from exchange_sim.limits import WeightLimiter, Window
from exchange_sim.market.synthetic import SyntheticMarket
from exchange_sim.memory import keep_freed_memory
from exchange_sim.replay.folder import FolderMarket
from exchange_sim.replay.reading import FolderError
from exchange_sim.server import Address, serve
from exchange_sim.state import Exchange
from exchange_sim.stream_options import StreamOptions

_SECONDS = click.FloatRange(0, min_open=True)


class _Instant(click.ParamType[int]):
    name = "ISO"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            return iso_ms(str(value))
        except ValueError:
            self.fail(f"{value!r} is not an ISO date or date-time", param, ctx)


class _Faults(click.ParamType[tuple[Fault, ...]]):
    name = "JSON"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fault, ...]:
        try:
            return tuple(parse_faults(str(value)))
        except FaultError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


def _market(seed: int, folder: Path | None) -> tuple[Market, int]:
    """Return the market and the default start of its clock."""
    if folder is None:
        return SyntheticMarket(seed), time.time_ns() // 1_000_000
    try:
        market = FolderMarket(folder)
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    return market, market.end_ms


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535),
              help="0 takes any free port.")  # fmt: skip
@click.option("--port-file", type=click.Path(dir_okay=False, path_type=Path),
              help="File that gets the port once it listens.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Seed of the synthetic market.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Serve real candle files instead of the synthetic market.")  # fmt: skip
@click.option("--clock", type=_Instant(), help="Instant at which the market's clock starts "
              "(default: now; for a folder the end of its last candle).")  # fmt: skip
@click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(0),
              help="Market seconds for each real one.")  # fmt: skip
@click.option("--frozen", is_flag=True, help="Stop the market's clock; the same as --speed 0.")
@click.option("--limit-window", type=click.Choice(["minute", "rolling"]), default="minute",
              show_default=True, help="How weight is counted.")  # fmt: skip
@click.option("--weight-limit", default=6000, show_default=True, type=click.IntRange(1),
              help="Weight a minute.")  # fmt: skip
@click.option("--ban-after", default=10, show_default=True, type=click.IntRange(1),
              help="Refusals that a client may ignore before it is banned.")  # fmt: skip
@click.option("--ban-seconds", default=120, show_default=True, type=click.IntRange(1),
              help="Length of the first ban; each further one is twice as long.")  # fmt: skip
@click.option("--archive-cache", type=click.Path(file_okay=False, path_type=Path),
              help="Folder that keeps archive files (default: a temporary one).")  # fmt: skip
@click.option("--archive-cache-mb", default=1024, show_default=True, type=click.IntRange(1),
              help="Bound on that folder.")  # fmt: skip
@click.option("--gzip", is_flag=True,
              help="Compress replies for clients that accept it; much slower.")  # fmt: skip
@click.option("--kline-update-ms", default=2000, show_default=True, type=click.IntRange(1),
              help="Market time between two messages about an unfinished candle.")  # fmt: skip
@click.option("--ping-s", default=20.0, show_default=True, type=_SECONDS,
              help="Seconds between two pings to a stream's client.")  # fmt: skip
@click.option("--pong-s", default=60.0, show_default=True, type=_SECONDS,
              help="Seconds after which a client that answers no ping is cut.")  # fmt: skip
@click.option("--stream-life-s", default=86400.0, show_default=True, type=_SECONDS,
              help="Seconds that a stream's connection lives.")  # fmt: skip
@click.option("--connect-limit", default=300, show_default=True, type=click.IntRange(1),
              help="Connections to streams that an address may open in 5 minutes.")  # fmt: skip
@click.option("--stream-buffer-kb", default=8192, show_default=True, type=click.IntRange(1),
              help="What a stream's client may leave unread before it is cut.")  # fmt: skip
@click.option("--fault", "faults", type=_Faults(), multiple=True,
              help="A fault as JSON, as POST /_sim/faults takes it; may be repeated.")  # fmt: skip
def command(
    host: str,
    port: int,
    port_file: Path | None,
    seed: int,
    folder: Path | None,
    clock: int | None,
    speed: float,
    frozen: bool,
    limit_window: Window,
    weight_limit: int,
    ban_after: int,
    ban_seconds: int,
    archive_cache: Path | None,
    archive_cache_mb: int,
    gzip: bool,
    kline_update_ms: int,
    ping_s: float,
    pong_s: float,
    stream_life_s: float,
    connect_limit: int,
    stream_buffer_kb: int,
    faults: tuple[tuple[Fault, ...], ...],
) -> None:
    """Run a stand-in for Binance's public spot market until SIGTERM or SIGINT."""
    keep_freed_memory()
    market, start_ms = _market(seed, folder)
    limiter = WeightLimiter(
        weight_limit,
        limit_window,
        started=time.monotonic(),
        epoch_s=time.time(),
        ban_after=ban_after,
        ban_s=ban_seconds,
    )
    book = FaultBook()
    for group in faults:
        book.add(list(group))
    streams = StreamOptions(
        kline_update_ms, ping_s, pong_s, stream_life_s, connect_limit, stream_buffer_kb * 1024
    )
    clock_ms = start_ms if clock is None else clock
    market_clock = MarketClock(clock_ms, 0 if frozen else speed)
    with (
        closing(ArchiveStore(archive_cache, archive_cache_mb * 1024 * 1024)) as archive,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        exchange = Exchange(market, market_clock, limiter, book, archive, gzip, streams)
        runner.run(serve(exchange, Address(host, port, port_file)))


def main() -> int:
    """Run the command line and return its exit code: 0 stopped, 1 failed, 2 wrong usage."""
    try:
        command.main(prog_name="exchange_sim", standalone_mode=False)
    except click.ClickException as error:
        sys.stderr.write(f"exchange_sim: {error.format_message()}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"exchange_sim: {error.strerror or error}\n")
        return 1
    return 0
