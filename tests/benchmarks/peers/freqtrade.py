"""freqtrade's own `download-data`, as shipped, in both of its ways: REST and archive files.

Its configuration names the stand-in for REST. The archive's address is fixed in its code:
it goes through a proxy of this machine that it is told of by the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring.bounded import Outcome, run_bounded
from benchmarks.measuring.processes import TESTS, Child, ChildFailed
from benchmarks.peers.downloads import Got, Job, Peer, check_folder
from benchmarks.warehouses.orders import TIMEFRAME, Order

_REQUIREMENT = "freqtrade==2026.9"
_LISTEN_S = 30.0
_READ_S = 300.0


def fetch_rest(job: Job, python: str) -> Got:
    """By REST alone."""
    return _fetch(job, python, {}, archives=False)


def fetch_archives(job: Job, python: str) -> Got:
    """By a file a day, and REST for what no file has."""
    with _tunnel(job) as environ:
        return _fetch(job, python, environ, archives=True)


@contextmanager
def _tunnel(job: Job) -> Iterator[dict[str, str]]:
    """What its environment must say for `data.binance.vision` to be the stand-in."""
    with (
        TemporaryDirectory(prefix="candlehouse-bench-") as folder,
        Child("benchmarks.feeds.tunnel", [folder, str(job.exchange.port)]) as tunnel,
    ):
        told = tunnel.expect("listening", _LISTEN_S)
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{told['port']}",
            "NO_PROXY": "127.0.0.1",
            "SSL_CERT_FILE": told["trust"],
        }


def _fetch(job: Job, python: str, environ: dict[str, str], *, archives: bool) -> Got:
    with TemporaryDirectory(prefix="candlehouse-bench-") as folder:
        home, data, out = (Path(folder, name) for name in ("home", "data", "out"))
        for one in (home, data, out):
            one.mkdir()
        config = home / "config.json"
        config.write_text(json.dumps(_configure(job, archives=archives)))
        outcome = run_bounded(
            _command(python, config, home, data, job.order),
            {**_own_environ(), **environ},
            home,
            job.most_s,
        )
        _require_success(outcome)
        _read(python, data, out, job.order)
        difference = check_folder(out, job, exact=False)
    fallbacks = outcome.complaint.count("falling back") + outcome.said.count("falling back")
    note = f"fell back to REST {fallbacks} times" if fallbacks else ""
    return Got(outcome.seconds, outcome.cpu_s, None, difference, note)


def _own_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _configure(job: Job, *, archives: bool) -> dict[str, object]:
    public = f"{job.exchange.url}/api/v3"
    pairing = {"price_side": "same", "use_order_book": False}
    return {
        "trading_mode": "spot",
        "stake_currency": "USDT",
        "stake_amount": 10,
        "max_open_trades": 1,
        "dry_run": True,
        "exchange": {
            "name": "binance",
            "only_from_ccxt": not archives,
            "pair_whitelist": _pairs(job.order),
            # Applied to both of its clients; there is nothing but spot at the stand-in.
            "ccxt_config": {
                "options": {"fetchMarkets": {"types": ["spot"]}},
                "urls": {"api": {"public": public, "private": public}},
            },
        },
        "pairlists": [{"method": "StaticPairList"}],
        "entry_pricing": pairing,
        "exit_pricing": pairing,
    }


def _pairs(order: Order) -> list[str]:
    return [f"{symbol.removesuffix('USDT')}/USDT" for symbol in order.symbols]


def _command(python: str, config: Path, home: Path, data: Path, order: Order) -> list[str]:
    return [
        str(Path(python).with_name("freqtrade")),
        "download-data",
        f"--config={config}",
        f"--userdir={home}",
        f"--datadir={data}",
        "--timeframes",
        TIMEFRAME,
        f"--timerange={order.start:%Y%m%d}-{order.end:%Y%m%d}",
        "--pairs",
        *_pairs(order),
    ]


def _require_success(outcome: Outcome) -> None:
    if outcome.code is None:
        raise ChildFailed(f"freqtrade was stopped after {outcome.seconds:.0f} s")
    if outcome.code:
        raise ChildFailed(f"freqtrade ended with {outcome.code}: {outcome.complaint}")


def _read(python: str, data: Path, out: Path, order: Order) -> None:
    command = [python, "-m", "benchmarks.peers.freqtrade_rows", str(data), str(out)]
    bounds = [",".join(order.symbols), str(order.start_ms), str(order.end_ms)]
    environ = {**_own_environ(), "PYTHONPATH": str(TESTS)}
    try:
        subprocess.run(
            [*command, *bounds], env=environ, check=True, capture_output=True, timeout=_READ_S
        )
    except subprocess.SubprocessError as error:
        raise ChildFailed(f"what freqtrade wrote cannot be read: {error}") from None


_KEEPS = (
    "feather files, floats, six of the eleven columns, no database; one symbol after another;"
    " what it wrote after the end is not counted"
)
FREQTRADE = (
    Peer("freqtrade, REST", _REQUIREMENT, fetch_rest, f"{_REQUIREMENT}, download-data; {_KEEPS}"),
    Peer(
        "freqtrade, archives",
        _REQUIREMENT,
        fetch_archives,
        f"{_REQUIREMENT}, download-data, a file a day, checksums not asked for, through a proxy"
        f" with TLS; {_KEEPS}",
    ),
)
