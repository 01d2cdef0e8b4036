"""The benchmarks' own feed, and the frame around them: they must not rot between two runs."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from benchmarks.feeds.feed import stream_target
from benchmarks.measuring.machine import describe_machine
from benchmarks.measuring.processes import Child
from benchmarks.measuring.report import write_report
from benchmarks.measuring.results import Options, Result
from benchmarks.parts import throughput
from benchmarks.parts.decode import PEERS, measure, stream_names
from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.exchange.binance.stream.frames import decode_frame

START_S = 30.0
RUN_S = 0.5
NAMES = stream_names(symbols=3)


@pytest.fixture
def feed() -> Iterator[Child]:
    with Child("benchmarks.feeds.feed") as child:
        yield child


async def receive(feed: Child, names: list[str], rate: int) -> tuple[list[bytes], dict]:
    """What a feed sends in a short run, and what it says of it."""
    port = feed.expect("listening", START_S)["port"]
    url = f"ws://127.0.0.1:{port}{stream_target(names)}"
    async with connect(url, compression=None, max_queue=None) as socket:
        feed.expect("subscribed", START_S, streams=len(names))
        feed.tell(rate=rate, seconds=RUN_S)
        # The socket queues without bound what arrives meanwhile.
        done = await asyncio.to_thread(feed.expect, "done", START_S)
        async with asyncio.timeout(START_S):
            frames = [await socket.recv(decode=False) for _ in range(done["sent"])]
    return frames, done


def by_series(frames: list[bytes]) -> dict[object, list[CandleUpdate]]:
    """Updates of each series; every frame must be one."""
    found = defaultdict(list)
    for frame in frames:
        update = decode_frame(frame)
        assert isinstance(update, CandleUpdate), update
        found[update.series].append(update)
    return found


def test_collector_accepts_every_frame_of_the_feed(feed: Child) -> None:
    frames, done = asyncio.run(receive(feed, NAMES, rate=4000))

    series = by_series(frames)
    assert len(series) == len(NAMES)
    assert len(frames) == done["sent"] > 60 * len(NAMES)
    assert sum(count for _, count, _, _ in done["closed"]) == sum(
        update.closed for updates in series.values() for update in updates
    )


def test_candles_of_the_feed_follow_each_other_slot_by_slot(feed: Child) -> None:
    frames, _ = asyncio.run(receive(feed, NAMES, rate=4000))

    for (_, timeframe), updates in by_series(frames).items():
        for before, after in pairwise(updates):
            step = timeframe.length_ms if before.closed else 0
            assert after.open_ms == before.open_ms + step
            assert after.event_ms >= before.event_ms


def test_collectors_client_loses_nothing_of_the_feed(tmp_path: Path) -> None:
    figures, details = measure(PEERS[0], 2000, RUN_S, NAMES, Options(tmp_path))

    assert figures["sent"] == figures["received"] > 0
    assert not details["stalled"]


def test_collector_of_the_benchmark_stores_every_closed_candle(
    fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    figures, remarks, details = throughput.measure(fresh_database(), tmp_path, 4000, RUN_S, NAMES)

    assert figures["closed sent"] == figures["closed stored"]
    assert figures["closed missing"] == figures["closed too many"] == 0
    assert figures["lost"] == 0
    assert remarks == ""
    assert details["samples"]


def test_report_has_a_median_of_the_runs_and_a_ratio_to_the_first_subject(tmp_path: Path) -> None:
    results = [
        Result("part", "case", subject, run, {"µs": figure}, "µs")
        for run, figures in enumerate([(1.0, 8.0), (2.0, 6.0), (4.0, 8.0)])
        for subject, figure in zip(("ours", "theirs"), figures, strict=True)
    ]
    results.append(Result("part", "case", "absent", 0, compare="µs", note="not run: gone"))

    table = write_report(tmp_path, describe_machine(), results).read_text()

    assert "|  | ours | theirs | absent |" in table
    assert "| µs | 2 | 8 | - |" in table
    assert "| µs, ratio | 1 | 3 | - |" in table
    assert "| runs | 3 | 3 | 0 |" in table
    assert "- absent: not run: gone" in table
    assert (tmp_path / "results.json").exists()
