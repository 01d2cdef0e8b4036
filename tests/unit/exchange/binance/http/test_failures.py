from __future__ import annotations

import json

import pytest

from candlehouse.core.errors import (
    ExchangeError,
    ExchangeUnavailable,
    MalformedPayload,
    RateLimited,
    RequestRejected,
    UnknownSymbol,
)
from candlehouse.exchange.binance.http.refusals import classify_refusal, read_used_weight
from candlehouse.exchange.failures import Answer

HTML = "<html><body>no</body></html>"


def answer(status: int, code: int | None = None, **headers: str) -> Answer:
    filled = Answer()
    body = HTML if code is None else json.dumps({"code": code, "msg": "words"})
    filled.fill(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return filled


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, -1003, RateLimited),
        (418, -1003, RateLimited),
        (429, None, RateLimited),
        (400, -1003, RateLimited),
        (403, None, RequestRejected),
        (451, 0, RequestRejected),
        (404, None, RequestRejected),
        (500, -1000, ExchangeUnavailable),
        (400, -1000, ExchangeUnavailable),
        (500, -1001, ExchangeUnavailable),
        (400, -1006, ExchangeUnavailable),
        (408, -1007, ExchangeUnavailable),
        (408, None, ExchangeUnavailable),
        (503, -1008, ExchangeUnavailable),
        (502, None, ExchangeUnavailable),
        (504, None, ExchangeUnavailable),
        (400, -1121, UnknownSymbol),
        (400, -1100, RequestRejected),
        (400, -1102, RequestRejected),
        (400, -1120, RequestRejected),
        (400, -1130, RequestRejected),
        (400, -1016, RequestRejected),
        (400, -1220, RequestRejected),
        (200, -1100, RequestRejected),
        (200, None, MalformedPayload),
    ],
)
def test_status_and_code_decide(
    status: int, code: int | None, expected: type[ExchangeError]
) -> None:
    error = classify_refusal(answer(status, code), ValueError("ccxt's view"), "BTCUSDT 1m")

    assert type(error) is expected
    assert f"BTCUSDT 1m: HTTP {status}" in str(error)


def test_no_answer_is_a_passing_fault_that_names_its_cause() -> None:
    error = RuntimeError("GET http://x")
    error.__cause__ = ConnectionResetError("by peer")

    failure = classify_refusal(Answer(), error, "BTCUSDT 1m")

    assert type(failure) is ExchangeUnavailable
    assert str(failure) == "BTCUSDT 1m: no answer (ConnectionResetError: by peer)"


@pytest.mark.parametrize("name", ["Retry_After", "RETRY_AFTER", "retry_after"])
def test_wait_is_the_exchanges(name: str) -> None:
    for status in (429, 418, 403):
        error = classify_refusal(answer(status, -1000, **{name: "7"}), None, "ping")
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == 7

    error = classify_refusal(answer(503, -1008, **{name: "7"}), None, "ping")
    assert isinstance(error, ExchangeUnavailable)
    assert error.wait_s == 7


@pytest.mark.parametrize(
    ("headers", "used"),
    [({"X_MBX_USED_WEIGHT_1M": "12"}, 12), ({"x_mbx_used_weight_1m": "12"}, 12), ({}, None)],
)
def test_used_weight_is_found_in_any_case(headers: dict[str, str], used: int | None) -> None:
    assert read_used_weight(answer(200, **headers)) == used


def test_body_of_brackets_alone_is_no_refusal_of_the_exchange() -> None:
    filled = Answer()
    filled.fill(200, {}, '{"code":' + "[" * 100_000)
    assert isinstance(classify_refusal(filled, None, "time"), MalformedPayload)
