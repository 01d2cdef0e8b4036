"""Query parameters are refused with Binance's own codes and words."""

import pytest
from multidict import MultiDict

from exchange_sim.error_replies import ApiError
from exchange_sim.rest.klines import read_query
from exchange_sim.rest.params import Params
from exchange_sim.rest.weights import weight_of

GOOD = {"symbol": "BTCUSDT", "interval": "1h"}


def query(**values: str) -> Params:
    return Params(MultiDict({**GOOD, **values}))


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"symbol": ""}, -1105, "Parameter 'symbol' was empty."),
        ({"symbol": "btcusdt"}, -1100, "legal range is '^[\\w\\-._&&[^a-z]]{1,50}$'."),
        ({"symbol": "BTC/USDT"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ({"interval": "7m"}, -1120, "Invalid interval."),
        ({"interval": "1H"}, -1120, "Invalid interval."),
        ({"limit": "0"}, -1130, "Data sent for parameter 'limit' is not valid."),
        ({"limit": "ten"}, -1100, "'limit'; legal range is '^[0-9]{1,20}$'."),
        ({"limit": "-1"}, -1100, "'limit'"),
        ({"startTime": "1.5"}, -1100, "'startTime'"),
        ({"startTime": "99999999999999999999"}, -1108, "overflowed"),
        ({"endTime": ""}, -1105, "'endTime'"),
        ({"timeZone": "+08:00"}, -1130, "'timeZone'"),
        ({"colour": "red"}, -1104, "read '2' parameter(s) but was sent '3'."),
    ],
)
def test_a_bad_parameter_has_its_code(values: dict[str, str], code: int, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_query(query(**values))
    assert caught.value.code == code
    assert words in caught.value.message


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ApiError) as caught:
        read_query(Params(MultiDict({"interval": "1h"})))
    assert caught.value.message == (
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
    )


def test_a_parameter_sent_twice_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        Params(MultiDict([("symbol", "A"), ("symbol", "B")]))
    assert caught.value.code == -1101


def test_times_are_read_in_either_unit_and_limits_are_clipped() -> None:
    found = read_query(
        query(startTime="1700000000000001", endTime="1700000000000999", limit="5000")
    )
    assert (found.start_ms, found.end_ms, found.limit) == (
        1_700_000_000_001,
        1_700_000_000_000,
        1000,
    )
    plain = read_query(query(timeZone="0"))
    assert (plain.start_ms, plain.end_ms, plain.limit, plain.newest_first) == (
        None,
        None,
        500,
        True,
    )


@pytest.mark.parametrize(
    ("path", "values", "weight"),
    [
        ("ping", {}, 1),
        ("exchangeInfo", {}, 20),
        ("klines", GOOD, 2),
        ("klines", {}, 2),
        ("depth", {"limit": "100"}, 5),
        ("depth", {"limit": "101"}, 25),
        ("depth", {"limit": "1000"}, 50),
        ("depth", {"limit": "9999"}, 250),
        ("trades", {}, 25),
        ("aggTrades", {}, 4),
        ("ticker/24hr", {}, 80),
        ("ticker/24hr", {"symbol": "A"}, 2),
        ("ticker/24hr", {"symbols": str(list("ABC")).replace("'", '"')}, 2),
        ("ticker/24hr", {"symbols": str([f"A{i}" for i in range(21)]).replace("'", '"')}, 40),
        ("ticker/price", {"symbol": "A"}, 2),
        ("ticker/price", {}, 4),
        ("nothing", {}, 0),
    ],
)
def test_requests_cost_what_the_documentation_says(
    path: str, values: dict[str, str], weight: int
) -> None:
    assert weight_of(f"/api/v3/{path}", MultiDict(values)) == weight
