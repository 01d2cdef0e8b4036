"""Command `stream`: a live session in the foreground."""

from __future__ import annotations

import asyncio
import getpass
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import uvloop

from candlehouse.cli.common import Output, output_options
from candlehouse.cli.options import series_options
from candlehouse.core.errors import ConfigurationError
from candlehouse.core.timeframe import Timeframe
from candlehouse.pipelines.live.kinds.registry import DEFAULT_KINDS, parse_kinds
from candlehouse.pipelines.live.session import run_live
from candlehouse.pipelines.live.session_options import LiveOptions
from candlehouse.settings import load_settings
from candlehouse.storage.live.stream_sessions import write_control
from candlehouse.storage.warehouse import Warehouse, open_warehouse


class ChannelList(click.ParamType[tuple[str, ...]]):
    """A parameter that is a comma-separated list of kinds of data."""

    name = "channels"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        """Parses the text to distinct kinds in their order; an empty list is refused."""
        if isinstance(value, tuple):
            return value
        try:
            kinds = parse_kinds(part.strip() for part in value.split(",") if part.strip())
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)
        if not kinds:
            self.fail(f"no channel is named, such as {','.join(DEFAULT_KINDS)}", param, ctx)
        return kinds


@click.command()
@click.option(
    "--channels",
    type=ChannelList(),
    default=",".join(DEFAULT_KINDS),
    show_default=True,
    help="Kinds of data to stream of each symbol.",
)
@series_options
@click.option(
    "--switch",
    type=click.Choice(["on", "off"]),
    help="Allow streaming, or end every session and allow none; then return.",
)
@output_options
def stream(
    channels: tuple[str, ...],
    symbols: tuple[str, ...],
    timeframes: tuple[Timeframe, ...],
    switch: str | None,
    out: Output,
) -> None:
    """Stream live candles and prices into the warehouse until interrupted.

    The same session as the DAGs run: of all sessions, one writes and the others stand by.
    Symbols default to the universe, timeframes to STREAM_TIMEFRAMES.
    """
    settings = load_settings()
    with open_warehouse(settings, "candlehouse-stream") as warehouse:
        if switch is not None:
            _switch(warehouse, switch == "on", out)
            return
        options = LiveOptions(timeframes or settings.stream_timeframes, symbols, channels)
        ending = _run(warehouse, options, out)
    out.result({"ended": ending}, f"streaming ended: {ending}")


def _switch(warehouse: Warehouse, running: bool, out: Output) -> None:
    with warehouse.write() as connection:
        write_control(connection, running, f"{getpass.getuser()}, command line")
    out.result({"streaming": running}, f"streaming is switched {'on' if running else 'off'}")


def _run(warehouse: Warehouse, options: LiveOptions, out: Output) -> str:
    if not out.quiet:
        logging.getLogger("candlehouse").setLevel(logging.INFO)
    with (
        _interruptible() as stop,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(run_live(warehouse, options, stop.is_set)).value


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second signal ends the process."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def interrupt(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, interrupt)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
