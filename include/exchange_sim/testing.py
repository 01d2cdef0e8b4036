"""Starting a stand-in from a test: a subprocess on a free port, with its admin interface.

Standard library only, so that any test can import it.
"""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_READY = re.compile(r"exchange_sim ready at (http://\S+) market (\S+) clock (\S+)")
# No proxy of the environment stands between a test and its own machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_START_S = 60.0
_STOP_S = 30.0
_REPLY_S = 10.0


@dataclass(frozen=True, slots=True)
class RunningExchange:
    """A stand-in that is listening.

    Attributes:
        url: base of everything, ``http://127.0.0.1:PORT``, without a slash at the end. It is
            the REST and the archive base; CoinGecko's is ``coingecko_url``.
        pid: its process.
        market_id: what it sends in ``X-Exchange-Sim-Market``.
    """

    url: str
    pid: int
    market_id: str

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def stream_url(self) -> str:
        """What stands for ``wss://stream.binance.com:9443``, without a slash at the end."""
        return f"ws://{self.url.removeprefix('http://')}"

    @property
    def products_url(self) -> str:
        """What stands for ``https://www.binance.com``, which has the product list."""
        return self.url

    @property
    def coingecko_url(self) -> str:
        """What stands for ``https://api.coingecko.com``."""
        return f"{self.url}/coingecko"

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Call the admin interface and return the decoded reply.

        Raises:
            ValueError: the stand-in refused; the text is its reason.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{path}", data=data, method=method)
        try:
            with _OPENER.open(request, timeout=_REPLY_S) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(error.read().decode()) from error

    def stats(self) -> dict[str, Any]:
        """Return weight used by second and minute, refusals, bans, requests and faults."""
        return dict(self.admin("GET", "stats"))

    def streams(self) -> dict[str, Any]:
        """Return open websockets, attempts to connect, and messages and ends by kind."""
        return dict(self.admin("GET", "streams"))

    def act_on_streams(
        self, action: str, connection: int | None = None, seconds: float | None = None
    ) -> int:
        """Do something to an open websocket, or to all, and return to how many.

        Args:
            action: ``cut``, ``shutdown``, ``close_1008`` or ``silence``.
            connection: its ``id`` in ``streams()``.
            seconds: of a silence, or between a shutdown's notice and its end.
        """
        body = {"action": action, "connection": connection, "seconds": seconds}
        return int(self.admin("POST", "streams", body)["acted"])

    def set_faults(self, *faults: Mapping[str, Any]) -> list[int]:
        """Add faults to those in force and return their numbers."""
        return list(self.admin("POST", "faults", list(faults))["ids"])

    def clear(self) -> int:
        """Remove all faults and return how many there were."""
        return int(self.admin("DELETE", "faults")["removed"])

    def set_clock(
        self,
        at: int | str | None = None,
        *,
        advance_ms: int | None = None,
        speed: float | None = None,
        frozen: bool | None = None,
    ) -> int:
        """Change the market's clock and return what it shows, in epoch milliseconds.

        Args:
            at: instant to jump to, epoch milliseconds or ISO.
            advance_ms: milliseconds to go forward from there.
            speed: market seconds for each real one, 0 freezes.
            frozen: True freezes, False lets it go on.
        """
        change = {"set": at, "advance_ms": advance_ms, "speed": speed, "frozen": frozen}
        return int(self.admin("POST", "clock", change)["now_ms"])

    def now_ms(self) -> int:
        """Return what the market's clock shows, without using weight."""
        return int(self.admin("GET", "clock")["now_ms"])

    def set_limits(
        self, *, weight_limit: int | None = None, window: str | None = None, reset: bool = False
    ) -> None:
        """Change the weight limit or its window, or forget all clients and bans."""
        change = {"weight_limit": weight_limit, "window": window, "reset": reset}
        self.admin("POST", "limits", change)


def _arguments(options: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> list[str]:
    arguments = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif value is not None and value is not False:
            arguments += [flag, str(value)]
    for fault in faults:
        arguments += ["--fault", json.dumps(fault)]
    return arguments


def _first_line(stream: IO[str]) -> str:
    """Return the first line, or what there is after the time for starting is over."""
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True)
    reader.start()
    try:
        return lines.get(timeout=_START_S)
    except queue.Empty:
        return ""


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise RuntimeError(f"exchange_sim did not end within {_STOP_S:g} s of SIGTERM") from None


@contextmanager
def running(
    *,
    seed: int | None = None,
    folder: str | Path | None = None,
    clock: str | None = None,
    speed: float | None = None,
    frozen: bool = False,
    limit_window: str | None = None,
    weight_limit: int | None = None,
    faults: Sequence[Mapping[str, Any]] = (),
    **options: Any,
) -> Iterator[RunningExchange]:
    """Run a stand-in on a free port for the length of a ``with`` block.

    Args:
        seed: of the synthetic market.
        folder: real candle files to serve instead.
        clock: ISO instant at which the market's clock starts.
        speed: market seconds for each real one.
        frozen: stop the market's clock.
        limit_window: ``minute`` or ``rolling``.
        weight_limit: weight per minute.
        faults: in force from the start.
        options: any other option of the command line, with underscores (``ban_seconds=2``).

    Raises:
        RuntimeError: it did not start, with what it wrote, or did not end.
    """
    chosen = {
        "port": 0, "seed": seed, "folder": folder, "clock": clock, "speed": speed,
        "frozen": frozen, "limit_window": limit_window, "weight_limit": weight_limit, **options,
    }  # fmt: skip
    include = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [include, os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange_sim", *_arguments(chosen, faults)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            ready = _READY.match(_first_line(process.stdout))
            if ready is None:
                _stop(process)
                raise RuntimeError(f"exchange_sim did not start: {process.stderr.read().strip()}")
            yield RunningExchange(ready[1], process.pid, ready[2])
        finally:
            _stop(process)
