"""Faults as a client sees them."""

import hashlib
import http.client
import io
import json
import time
import zipfile
from typing import Any

import pytest

from exchange_sim.testing import running

KLINES = "/api/v3/klines"
QUERY = {"symbol": "BTCUSDT", "interval": "1h", "limit": 9}
ZIP = "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-05.zip"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("451", 451, 0), ("418", 418, -1003), ("429", 429, -1003), ("500", 500, -1000),
     ("503", 503, -1008)],
)  # fmt: skip
def test_refusals_come_in_binances_shape(
    exchange: Any, get: Any, kind: str, status: int, code: int
) -> None:
    exchange.set_faults({"kind": kind, "count": 1, "seconds": 7})
    reply = get(KLINES, **QUERY)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert ("retry-after" in reply.headers) == (kind in ("418", "429", "503"))
    assert reply.headers["x-exchange-sim-market"] == exchange.market_id
    assert get(KLINES, **QUERY).status == 200


@pytest.mark.parametrize(
    ("kind", "status", "start"),
    [("403", 403, b"<html>"), ("504", 504, b"<html>"), ("html", 200, b"<html>"),
     ("empty", 200, b""), ("null", 200, b"null")],
)  # fmt: skip
def test_other_bodies_are_no_json_lists(
    exchange: Any, get: Any, kind: str, status: int, start: bytes
) -> None:
    exchange.set_faults({"kind": kind, "symbol": "BTCUSDT"})
    reply = get(KLINES, **QUERY)
    assert reply.status == status
    assert reply.body[:6] == start
    assert get("/api/v3/time").status == 200


def test_broken_json_ends_too_early(exchange: Any, get: Any) -> None:
    exchange.set_faults({"kind": "broken_json"})
    with pytest.raises(json.JSONDecodeError):
        _ = get(KLINES, **QUERY).json


def test_a_cut_body_is_shorter_than_promised(exchange: Any, get: Any) -> None:
    exchange.set_faults({"kind": "cut"})
    with pytest.raises(http.client.IncompleteRead):
        get(KLINES, **QUERY)


def test_a_reset_breaks_the_connection(exchange: Any, get: Any) -> None:
    exchange.set_faults({"kind": "reset"})
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        get(KLINES, **QUERY)


def test_a_timeout_does_not_answer_and_a_delay_does(exchange: Any, get: Any) -> None:
    exchange.set_faults({"kind": "timeout", "count": 1}, {"kind": "delay", "seconds": 0.3})
    with pytest.raises(TimeoutError):
        get(KLINES, timeout=0.3, **QUERY)
    began = time.monotonic()
    assert get(KLINES, **QUERY).status == 200
    assert time.monotonic() - began >= 0.3


def test_an_overlapping_page_begins_before_what_was_asked(exchange: Any, get: Any) -> None:
    true = get(KLINES, **QUERY).json
    bounds = {"startTime": true[4][0], "endTime": true[8][0]}
    assert get(KLINES, **QUERY | bounds).json == true[4:]
    exchange.set_faults({"kind": "overlap", "rows": 2})
    assert get(KLINES, **QUERY | bounds).json == true[2:]
    assert get(KLINES, **QUERY).json == true


def test_a_hole_a_stale_and_a_malformed_row_leave_the_rest_alone(exchange: Any, get: Any) -> None:
    true = get(KLINES, **QUERY).json
    exchange.set_faults({"kind": "hole", "from_ms": true[2][0], "to_ms": true[4][0], "count": 1})
    assert get(KLINES, **QUERY).json == true[:2] + true[4:]
    stale = {"kind": "stale", "from_ms": true[7][0], "to_ms": true[8][0], "count": 1}
    exchange.set_faults(stale)
    spoilt = get(KLINES, **QUERY).json
    assert [a == b for a, b in zip(spoilt, true, strict=True)] == [True] * 7 + [False, True]
    exchange.set_faults({"kind": "malformed_row", "count": 1})
    assert len(get(KLINES, **QUERY).json[-1]) == 8
    assert get(KLINES, **QUERY).json == true


def test_archives_go_missing_get_truncated_and_fail_their_checksum(exchange: Any, get: Any) -> None:
    whole = get(ZIP).body
    digest = hashlib.sha256(whole).hexdigest()
    assert get(ZIP + ".CHECKSUM").body.decode().split() == [digest, ZIP.rpartition("/")[2]]
    exchange.set_faults(
        {"kind": "missing", "count": 1}, {"kind": "truncated_zip"}, {"kind": "bad_checksum"}
    )
    assert get(ZIP).status == 404
    cut = get(ZIP).body
    assert whole.startswith(cut)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(cut))
    assert not get(ZIP + ".CHECKSUM").body.decode().startswith(digest)
    exchange.clear()
    assert get(ZIP).body == whole


def test_faults_are_listed_with_what_they_did(exchange: Any, get: Any) -> None:
    first, second = exchange.set_faults({"kind": "500", "count": 1}, {"kind": "503"})
    get(KLINES, **QUERY)
    get(KLINES, **QUERY)
    listed = {rule["id"]: rule["fired"] for rule in exchange.stats()["faults"]}
    assert listed == {first: 1, second: 1}
    assert exchange.admin("DELETE", f"faults?id={second}") == {"removed": 1}
    assert get(KLINES, **QUERY).status == 200


def test_a_wrong_fault_is_refused_with_the_reason(exchange: Any) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        exchange.set_faults({"kind": "nonsense"})
    with pytest.raises(ValueError, match="colour"):
        exchange.admin("POST", "clock", {"colour": "red"})
    with pytest.raises(ValueError, match="not positive"):
        exchange.set_limits(weight_limit=0)
    with pytest.raises(ValueError, match="isoformat"):
        exchange.set_clock("yesterday")


def test_faults_can_be_in_force_from_the_start(get_from: Any) -> None:
    with running(seed=1, faults=[{"kind": "500", "count": 2}]) as exchange:
        statuses = [get_from(exchange.url, "/api/v3/ping").status for _ in range(3)]
        assert statuses == [500, 500, 200]
