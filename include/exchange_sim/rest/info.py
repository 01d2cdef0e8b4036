"""``ping``, ``time`` and ``exchangeInfo``."""

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from exchange_sim.error_replies import ApiError, invalid_symbol, json_response
from exchange_sim.klines.instrument import Instrument
from exchange_sim.rest.params import Params, invalid
from exchange_sim.rest.units import time_factor
from exchange_sim.state import Exchange, exchange_of

_ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
                "TAKE_PROFIT_LIMIT"]  # fmt: skip


async def ping(request: web.Request) -> web.Response:
    """Answer ``{}``."""
    Params(request.query, expected=0)
    return json_response(b"{}")


async def server_time(request: web.Request) -> web.Response:
    """Answer the market's clock."""
    Params(request.query, expected=0)
    now = exchange_of(request).clock.now_ms() * time_factor(request)
    return json_response(b'{"serverTime":%d}' % now)


def rate_limits(weight_limit: int) -> list[dict[str, Any]]:
    """Return the limits as exchangeInfo lists them."""
    rows = (
        ("REQUEST_WEIGHT", "MINUTE", 1, weight_limit),
        ("ORDERS", "SECOND", 10, 100),
        ("ORDERS", "DAY", 1, 200_000),
        ("RAW_REQUESTS", "MINUTE", 5, 300_000),
    )
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _unit(decimals: int) -> str:
    return "1.00000000" if decimals == 0 else f"0.{'1'.zfill(decimals)}".ljust(10, "0")


def symbol_row(item: Instrument, *, with_permissions: bool) -> dict[str, Any]:
    """Return one entry of ``symbols``."""
    tick, lot = _unit(item.price_decimals), _unit(item.lot_decimals)
    inner = [item.permission, *(["MARGIN"] if item.margin else []), "TRD_GRP_004", "TRD_GRP_005"]
    trading = item.status == "TRADING"
    return {
        "symbol": item.symbol,
        "status": item.status,
        "baseAsset": item.base,
        "baseAssetPrecision": 8,
        "quoteAsset": item.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": _ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": trading or item.status == "HALT",
        "isMarginTradingAllowed": trading and item.margin,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000",
             "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "92141578.00000000",
             "stepSize": lot},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
             "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [inner] if with_permissions else [],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }  # fmt: skip


def _flag(params: Params, name: str, default: bool) -> bool:
    value = params.text(name)
    if value is None:
        return default
    if value not in ("true", "false"):
        raise invalid(name)
    return value == "true"


def _permissions(params: Params) -> set[str] | None:
    value = params.text("permissions")
    if value is None:
        return None
    if not value.startswith("["):
        return {value}
    try:
        return set(msgspec.json.decode(value.encode(), type=list[str]))
    except msgspec.DecodeError as error:
        raise ApiError(-1135, "Invalid JSON in parameter 'permissions'.") from error


def _chosen(params: Params, exchange: Exchange, now_ms: int) -> Iterable[Instrument]:
    names = params.symbols()
    if (single := params.text("symbol")) is not None:
        if names is not None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        names = [params.symbol()] if single else []
    wanted = _permissions(params)
    status = params.text("symbolStatus")
    if names is not None:
        if wanted is not None or status is not None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        found = [exchange.market.instrument(name, now_ms) for name in names]
        if None in found:
            raise invalid_symbol()
        return [item for item in found if item is not None]
    if status is not None and status not in ("TRADING", "HALT", "BREAK"):
        raise ApiError(-1122, "Invalid symbolStatus.")
    return [
        item
        for item in exchange.market.instruments(now_ms)
        if (status is None or item.status == status)
        and (wanted is None or item.permission in wanted or ("MARGIN" in wanted and item.margin))
    ]


async def exchange_info(request: web.Request) -> web.Response:
    """Answer rules and symbols, filtered as asked."""
    exchange = exchange_of(request)
    params = Params(request.query)
    now_ms = exchange.clock.now_ms()
    items = _chosen(params, exchange, now_ms)
    with_permissions = _flag(params, "showPermissionSets", True)
    params.finish()
    body = {
        "timezone": "UTC",
        "serverTime": now_ms * time_factor(request),
        "rateLimits": rate_limits(exchange.limiter.limit),
        "exchangeFilters": [],
        "symbols": [symbol_row(item, with_permissions=with_permissions) for item in items],
    }
    return json_response(msgspec.json.encode(body))
