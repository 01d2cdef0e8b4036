"""What compares peers' rows, hands them over and leads a peer to the stand-in."""

import ssl
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from benchmarks.feeds.tunnel import HOST
from benchmarks.measuring.ceilings import (
    Files,
    convert,
    copy_raw,
    insert_each,
    insert_sample,
    stage,
)
from benchmarks.measuring.processes import Child
from benchmarks.measuring.truth import Difference, Truth, as_floats, as_text, compare
from benchmarks.peers.handing import read_rows, write_rows
from benchmarks.warehouses.loading import Commands, load
from benchmarks.warehouses.orders import NO_LIMIT, Order, exchange_of, make_order, warm_up
from candlehouse.storage.database.engine import connect
from exchange_sim.archive_files.archive_names import parse_key
from exchange_sim.archive_files.store import csv_of
from exchange_sim.market.synthetic import SyntheticMarket

START_S = 30.0
BODY = bytes(range(256)) * 1024


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("X-Asked", f"{self.headers['Host']}{self.path}")
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_comparison_tells_missing_differing_and_extra_rows_apart() -> None:
    truth = {0: "a", 1: "b", 2: "c"}

    found = compare(truth, [(0, "a"), (1, "x"), (1, "b"), (3, "d")])

    assert found == Difference(got=4, missing=1, differing=1, extra=2)
    assert found + found == Difference(8, 2, 2, 4)


def test_rows_of_the_market_pass_as_text_and_as_floats_and_a_changed_one_does_not() -> None:
    order = make_order(symbols=1, days=1)
    [symbol] = order.symbols
    truth = Truth(order)
    candles = SyntheticMarket(1).candles(symbol, "5m", order.start_ms, order.end_ms)
    rows = [candle.row() for candle in candles]
    floats = [[at, *values] for at, values in map(as_floats, rows)]

    assert truth.check_rows(symbol, rows, exact=True) == Difference(got=len(rows))
    assert truth.check_rows(symbol, floats, exact=False) == Difference(got=len(rows))
    rows[7][10] = "0.00000001"
    assert truth.check_rows(symbol, rows, exact=True) == Difference(len(rows), differing=1)
    assert as_text(rows[0])[0] == order.start_ms


def test_rows_that_are_handed_over_arrive_unchanged(tmp_path: Path) -> None:
    rows = [[1, "0.10000000", 0.1, 2**60]]

    write_rows(tmp_path, {"BTCUSDT": rows})

    assert read_rows(tmp_path, "BTCUSDT") == rows
    assert read_rows(tmp_path, "ETHUSDT") == []


def test_converted_archive_rows_have_their_times_in_utc_whatever_their_unit() -> None:
    market = SyntheticMarket(1)
    for day in ("2024-12-31", "2025-01-01"):
        file = parse_key(f"data/spot/daily/klines/BTCUSDT/5m/BTCUSDT-5m-{day}.zip")
        assert file is not None
        first = next(convert("BTCUSDT", csv_of(market, file)))
        assert first[:2] == ("BTCUSDT", f"{day}T00:00:00+00:00")
        assert first[7].startswith(f"{day}T00:04:59.999")


def files_of(order: Order) -> Files:
    """The archive files of an order that is one day long."""
    market = SyntheticMarket(1)
    day = order.start.date()
    keys = (f"data/spot/daily/klines/{symbol}/5m/{symbol}-5m-{day}.zip" for symbol in order.symbols)
    return [(file.symbol, csv_of(market, file)) for file in map(parse_key, keys) if file]


def check(url: str, order: Order) -> Difference:
    engine = connect(url)
    try:
        return Truth(order).check_warehouse(engine, order.symbols)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "take",
    [
        lambda url, files: stage(url, files, connections=2),
        copy_raw,
        lambda url, files: insert_sample(url, files, insert_each, most_s=60),
    ],
    ids=["staged", "raw", "each"],
)
def test_ceilings_store_every_candle_of_the_files_exactly(
    fresh_database: Callable[..., str], take: Callable[[str, Files], object]
) -> None:
    url, order = fresh_database(), make_order(symbols=2, days=1)

    take(url, files_of(order))

    assert check(url, order) == Difference(got=2 * 288)


def test_commands_of_the_benchmark_load_and_verify_all_of_an_order(
    fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    url, order = fresh_database(), make_order(symbols=2, days=1)
    with exchange_of(tmp_path / "archives", NO_LIMIT) as exchange:
        warm_up(exchange, order, weight_limit=6000)
        assert exchange.stats()["limit"]["weight"] == 6000
        loading = load(Commands(exchange, url, tmp_path, archives=False), url, order)

    assert check(url, order) == Difference(got=2 * 288)
    assert loading.candles == {"rest": 2 * 288}
    assert loading.figures["seconds"]
    assert "ended" not in loading.note


def test_tunnel_forwards_the_archives_host_and_refuses_any_other(
    answering: int, tmp_path: Path
) -> None:
    with Child("benchmarks.feeds.tunnel", [str(tmp_path), str(answering)]) as tunnel:
        told = tunnel.expect("listening", START_S)
        context = ssl.create_default_context(cafile=told["trust"])
        asked = HTTPSConnection("127.0.0.1", told["port"], timeout=START_S, context=context)
        asked.set_tunnel(HOST, 443)
        asked.request("GET", "/data/one.zip")
        reply = asked.getresponse()
        assert reply.read() == BODY
        assert reply.headers["X-Asked"] == f"{HOST}/data/one.zip"
        asked.close()

        other = HTTPSConnection("127.0.0.1", told["port"], timeout=START_S, context=context)
        other.set_tunnel("example.com", 443)
        with pytest.raises(OSError, match="403"):
            other.request("GET", "/")
        other.close()
