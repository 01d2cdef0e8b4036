"""What each request costs of the weight limit (the exchange's REST documentation, July 2026)."""

from collections.abc import Callable, Mapping

import msgspec
from multidict import MultiMapping

Query = MultiMapping[str]


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default


def _symbol_count(query: Query) -> int | None:
    """Return how many symbols are asked for, None for all."""
    if "symbol" in query:
        return 1
    if "symbols" not in query:
        return None
    try:
        return len(msgspec.json.decode(query["symbols"].encode(), type=list[str]))
    except msgspec.DecodeError:
        # The handler will refuse it; a refused request costs what a small one does.
        return 1


def _depth(query: Query) -> int:
    limit = _number(query, "limit", 100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _day_ticker(query: Query) -> int:
    count = _symbol_count(query)
    if count is None or count > 100:
        return 80
    return 2 if count <= 20 else 40


def _price_ticker(query: Query) -> int:
    return 2 if "symbol" in query else 4


def _always(weight: int) -> Callable[[Query], int]:
    return lambda query: weight


WEIGHTS: Mapping[str, Callable[[Query], int]] = {
    "/api/v3/ping": _always(1),
    "/api/v3/time": _always(1),
    "/api/v3/exchangeInfo": _always(20),
    "/api/v3/klines": _always(2),
    "/api/v3/depth": _depth,
    "/api/v3/trades": _always(25),
    "/api/v3/historicalTrades": _always(25),
    "/api/v3/aggTrades": _always(4),
    "/api/v3/avgPrice": _always(2),
    "/api/v3/ticker/24hr": _day_ticker,
    "/api/v3/ticker/price": _price_ticker,
    "/api/v3/ticker/bookTicker": _price_ticker,
}


def weight_of(path: str, query: Query) -> int:
    """Return what a request costs; a path that does not exist costs nothing."""
    rule = WEIGHTS.get(path)
    return 0 if rule is None else rule(query)
