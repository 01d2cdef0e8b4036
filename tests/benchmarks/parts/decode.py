"""Receiving and decoding: the CPU time of a message, for the collector's client and its peers.

Each gets the same feed in the same run, alone on a core; the feed has another. A message
counts when it reaches user code, whatever the peer makes of it: ours hands on exact text,
checked; ccxt.pro rows of floats; unicorn dicts, not checked. What a peer merges with a
newer update of the same candle before handing it on does not count, and is not a fault:
"lost" says how many messages user code never saw.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring.processes import Child, ChildFailed, split_cores
from benchmarks.measuring.results import Options, Result
from benchmarks.peers.environments import NotInstalled, ensure_environment

PART = "receiving"
COMPARE = "CPU µs a message"
SYMBOLS = 52
TIMEFRAMES = ("1m", "5m", "15m", "1h")
# Messages a second; 0 stands for as fast as they are taken.
RATES = (1_000, 0)
# ccxt.pro's own pace: four subscriptions a second.
_START_S = 120.0
_MARGIN_S = 10.0
# A reader that has taken nothing for this long while the feed was sending takes nothing more.
_STALLED_S = 2.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Who receives.

    Attributes:
        module: that runs it, given the port and the streams.
        arguments: before those.
        requirement: what it needs an environment of its own for.
        note: how it was set up.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    requirement: str = ""
    note: str = ""


PEERS = (
    Peer("candlehouse", "benchmarks.peers.ours"),
    Peer("ccxt.pro watch_ohlcv", "benchmarks.peers.ccxt_pro", ("each",)),
    Peer("ccxt.pro watch_ohlcv_for_symbols", "benchmarks.peers.ccxt_pro", ("all",)),
    Peer(
        "unicorn-binance-websocket-api",
        "benchmarks.peers.unicorn",
        requirement="unicorn-binance-websocket-api==2.16.1",
        note="2.16.1, its option websocket_base_uri names the feed; messages as dicts",
    ),
)


def stream_names(symbols: int = SYMBOLS) -> list[str]:
    """Made-up symbols in the timeframes that are streamed."""
    return [f"made{n:02d}usdt@kline_{frame}" for n in range(symbols) for frame in TIMEFRAMES]


def run(options: Options) -> Iterator[Result]:
    """Every peer at every rate, all of them before the next repeat."""
    for repeat in range(options.repeats):
        for rate in RATES:
            for peer in PEERS:
                yield _try(peer, rate, repeat, options)


def _try(peer: Peer, rate: int, repeat: int, options: Options) -> Result:
    case = f"{rate:,} messages/s" if rate else "as fast as they are taken"
    names = stream_names()
    case = f"{len(names)} streams, {case}"
    try:
        figures, details = measure(peer, rate, options.decode_s, names, options)
    except (ChildFailed, NotInstalled) as error:
        return Result(PART, case, peer.name, repeat, compare=COMPARE, note=f"not run: {error}")
    note = peer.note
    if details["stalled"]:
        note = f"stalled in run {repeat + 1}: it stopped reading for good. {note}".strip()
    return Result(PART, case, peer.name, repeat, figures, COMPARE, note, details)


def measure(
    peer: Peer, rate: int, seconds: float, names: list[str], options: Options
) -> tuple[dict[str, float | None], dict[str, object]]:
    """One peer at one rate.

    Raises:
        ChildFailed: when it does not subscribe, or ends before it is told to.
        NotInstalled: when it cannot be had.
    """
    python = sys.executable
    if peer.requirement:
        python = ensure_environment(options.out / "environments", peer.requirement)
    measured, others = split_cores()
    with Child("benchmarks.feeds.feed", cores=others) as feed:
        port = feed.expect("listening", _START_S)["port"]
        arguments = [*peer.arguments, str(port), ",".join(names)]
        with Child(peer.module, arguments, measured, python) as reader:
            feed.expect("subscribed", _START_S, reader, streams=len(names))
            reader.tell(do="begin")
            reader.expect("begun", _MARGIN_S)
            feed.tell(rate=rate, seconds=seconds)
            sent = feed.expect("done", seconds + _MARGIN_S, reader)
            reader.tell(do="end")
            counted = reader.expect("counted", _MARGIN_S)
    return _figures(sent, counted), _details(sent, counted)


def _figures(sent: dict[str, float], counted: dict[str, float]) -> dict[str, float | None]:
    received, used_s = counted["received"], counted["cpu_s"]
    stalled = _has_stalled(counted)
    return {
        COMPARE: None if stalled or not received else used_s * 1e6 / received,
        "sent": sent["sent"],
        "received": received,
        "lost": sent["sent"] - received,
        "received/s": received / sent["elapsed_s"],
        "core used %": 100 * used_s / sent["elapsed_s"],
        "not sent in time": sent["shortfall"],
        "peak MB": counted["rss_peak_mb"],
    }


def _details(sent: dict[str, Any], counted: dict[str, Any]) -> dict[str, object]:
    kept = {name: value for name, value in sent.items() if name not in ("closed", "event")}
    return {"feed": kept, "reader": counted, "stalled": _has_stalled(counted)}


def _has_stalled(counted: dict[str, float]) -> bool:
    return counted["quiet_s"] > _STALLED_S
