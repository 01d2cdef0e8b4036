"""Writing: one collector process on one core, from the socket to the commit.

The feed and PostgreSQL share the other cores. Lag is from the time in a message to the
commit that covers it. The feed waits for a reader that is behind, so that lag alone could
hide that one: "held" says for how many seconds it had to.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measuring.processes import Child, ChildFailed, split_cores
from benchmarks.measuring.results import Options, Result
from benchmarks.parts.decode import stream_names
from benchmarks.warehouses.servers import Stored, find_kinds, read_stored, warehouse
from candlehouse.core.errors import CandlehouseError

PART = "writing"
COMPARE = "CPU µs a message"
_SAMPLE_S = 5.0
_QUARTERS = 4
_START_S = 60.0
_MARGIN_S = 60.0
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def run(options: Options) -> Iterator[Result]:
    """Every kind of warehouse at every rate, each run in a new one."""
    for repeat in range(options.repeats):
        for rate in options.rates:
            for kind in find_kinds():
                yield _try(kind, rate, repeat, options.throughput_s)


def _try(kind: str, rate: int, repeat: int, seconds: float) -> Result:
    names = stream_names()
    case = f"{len(names)} series, {rate:,} messages/s for {seconds:g} s"
    try:
        with warehouse(kind) as (url, folder):
            figures, note, details = measure(url, folder / "spool", rate, seconds, names)
    except (ChildFailed, CandlehouseError) as error:
        return Result(PART, case, kind, repeat, compare=COMPARE, note=f"failed: {error}")
    return Result(PART, case, kind, repeat, figures, COMPARE, note, details)


def measure(
    url: str, spools: Path, rate: int, seconds: float, names: list[str]
) -> tuple[dict[str, float | None], str, dict[str, Any]]:
    """Figures, what is to be remarked, and everything that was measured.

    Args:
        url: of an empty warehouse.
        spools: folder for what the database does not take.
        rate: messages a second.
        seconds: for which the feed sends.
        names: of the streams.

    Raises:
        ChildFailed: when the collector or the feed end too early.
        DatabaseUnavailable: when the server goes away.
    """
    measured, others = split_cores()
    every_s = min(_SAMPLE_S, seconds / (2 * _QUARTERS))
    with Child("benchmarks.feeds.feed", cores=others) as feed:
        port = feed.expect("listening", _START_S)["port"]
        arguments = [str(port), ",".join(names), str(spools)]
        environ = {**os.environ, "CANDLEHOUSE_DATABASE_URL": url}
        with Child(
            "benchmarks.warehouses.collector", arguments, measured, environ=environ
        ) as collector:
            feed.expect("subscribed", _START_S, collector, streams=len(names))
            collector.tell(do="begin", every_s=every_s)
            samples = [collector.expect("begun", _START_S)]
            feed.tell(rate=rate, seconds=seconds)
            sent = feed.expect("done", seconds + _MARGIN_S, collector)
            collector.tell(do="end")
            samples += collector.collect("sample", "ended", _MARGIN_S)
    stored = read_stored(url)
    figures = {**_rates(samples, sent), **_lags(samples), **_compare_stored(stored, sent)}
    details = {"samples": samples, "feed": {k: v for k, v in sent.items() if k != "closed"}}
    return figures, _remark(samples, stored), details


def _rates(samples: Sequence[dict[str, Any]], sent: dict[str, Any]) -> dict[str, float | None]:
    first, last = samples[0], samples[-1]
    received = last["received"] - first["received"]
    used_s = last["cpu_s"] - first["cpu_s"]
    sizes = [sample["rss_mb"] for sample in samples[1:]]
    # From the second quarter on: the first one still fills caches.
    settled = sizes[len(sizes) // _QUARTERS :]
    return {
        COMPARE: used_s * 1e6 / received if received else None,
        "sent/s": sent["sent"] / sent["elapsed_s"],
        "received": received,
        "lost": sent["sent"] - received,
        "not sent in time": sent["shortfall"],
        "feed held s": sent["held_s"],
        "core used %": 100 * used_s / (last["at_s"] - first["at_s"]),
        "RSS MB": median(sizes),
        "RSS growth MB": settled[-1] - settled[0],
    }


def _lags(samples: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Percentiles in the first and the last quarter of the run, in milliseconds."""
    during = [sample["lag"] for sample in samples if sample["event"] == "sample"]
    size = max(1, len(during) // _QUARTERS)
    figures: dict[str, float | None] = {}
    for name, part in (("first", during[:size]), ("last", during[-size:])):
        lag = Counter[int]()
        for counts in part:
            lag.update({int(bound): count for bound, count in counts.items()})
        for label, share in SHARES.items():
            figures[f"lag {label} ms, {name} quarter"] = find_percentile(lag, share)
    return figures


def find_percentile(counts: Counter[int], share: float) -> int | None:
    """Milliseconds within which `share` of all were; counts are by upper bound."""
    left = share * counts.total()
    for bound, count in sorted(counts.items()):
        left -= count
        if left <= 0:
            return bound
    return None


def _compare_stored(stored: Stored, sent: dict[str, Any]) -> dict[str, float | None]:
    """Closed candles that were sent against those that are there, series by series."""
    missing = extra = 0
    for name, count, first_ms, _ in sent["closed"]:
        there = stored.candles.get(name, 0)
        missing += max(0, count - there)
        extra += max(0, there - count)
        # As many as were sent, but others: both lost and made up.
        if there == count and count and stored.first_ms[name] != first_ms:
            missing, extra = missing + 1, extra + 1
    return {
        "closed sent": sum(count for _, count, _, _ in sent["closed"]),
        "closed stored": sum(stored.candles.values()),
        "closed missing": missing,
        "closed too many": extra + stored.corrections,
    }


def _remark(samples: Sequence[dict[str, Any]], stored: Stored) -> str:
    last = samples[-1]
    counts = {
        "refused by the collector": last["errors"],
        "refused by the database": stored.quarantined,
        "kept on disk": last["spooled"],
        "reconnects": last["reconnects"],
    }
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
