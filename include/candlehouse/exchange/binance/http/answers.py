"""Decodes responses other than klines into the types of `core`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from candlehouse.core.errors import MalformedPayload
from candlehouse.core.timeframe import from_ms
from candlehouse.core.universe.instruments import ExchangeInfo, Instrument, Ticker

_T = TypeVar("_T")
_DECIMAL = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
# As for klines: larger numbers are not valid times.
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
_Positive = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
# Names may be in any script, but PostgreSQL cannot store the character U+0000 in text.
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f]+\Z", max_length=100)]


class _Time(msgspec.Struct):
    serverTime: _Milliseconds


class _RateLimit(msgspec.Struct):
    rateLimitType: str
    interval: str
    intervalNum: _Positive
    limit: _Positive


class _Filter(msgspec.Struct):
    filterType: str
    tickSize: str | None = None
    stepSize: str | None = None
    minNotional: str | None = None


class _Symbol(msgspec.Struct):
    symbol: _Name
    status: _Name
    baseAsset: _Name
    quoteAsset: _Name
    isSpotTradingAllowed: bool = True
    filters: list[_Filter] = []
    permissions: list[str] = []
    permissionSets: list[list[str]] = []


class _Info(msgspec.Struct):
    symbols: list[_Symbol]
    rateLimits: list[_RateLimit] = []


class _Ticker(msgspec.Struct):
    symbol: str
    lastPrice: str
    volume: str
    quoteVolume: str


def parse_time(payload: object) -> datetime:
    """The exchange's clock, as an aware UTC datetime.

    Raises:
        MalformedPayload: when the payload has no valid time.
    """
    return from_ms(_convert(payload, _Time, "time").serverTime)


def parse_exchange_info(payload: object) -> ExchangeInfo:
    """Every pair, and the weight limit per minute.

    Raises:
        MalformedPayload: when a pair lacks a required field, or occurs twice.
    """
    info = _convert(payload, _Info, "exchangeInfo")
    if len({symbol.symbol for symbol in info.symbols}) < len(info.symbols):
        raise MalformedPayload("exchangeInfo: a pair occurs twice")
    return ExchangeInfo(
        weight_limit=_find_weight_limit(info.rateLimits),
        instruments=tuple(_to_instrument(symbol) for symbol in info.symbols),
    )


def parse_tickers(payload: object) -> Mapping[str, Ticker]:
    """Last price and volumes of the last 24 hours, by symbol.

    Raises:
        MalformedPayload: when the payload is not a list of tickers.
    """
    tickers = _convert(payload, list[_Ticker], "ticker/24hr")
    return {
        ticker.symbol: Ticker(
            _to_decimal(ticker.lastPrice),
            _to_decimal(ticker.volume),
            _to_decimal(ticker.quoteVolume),
        )
        for ticker in tickers
    }


def _convert(payload: object, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.convert(payload, kind, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedPayload(f"{what}: {error}") from None


def _find_weight_limit(limits: list[_RateLimit]) -> int | None:
    for limit in limits:
        if (limit.rateLimitType, limit.interval) == ("REQUEST_WEIGHT", "MINUTE"):
            return limit.limit // limit.intervalNum
    return None


def _to_instrument(symbol: _Symbol) -> Instrument:
    return Instrument(
        symbol=symbol.symbol,
        base_asset=symbol.baseAsset,
        quote_asset=symbol.quoteAsset,
        status=symbol.status,
        # Older responses have a flat list, newer ones sets of alternatives.
        permissions=frozenset(symbol.permissions).union(*symbol.permissionSets),
        spot_allowed=symbol.isSpotTradingAllowed,
        tick_size=_find_filter(symbol, "PRICE_FILTER", "tickSize"),
        lot_size=_find_filter(symbol, "LOT_SIZE", "stepSize"),
        min_notional=_find_filter(symbol, "NOTIONAL", "minNotional"),
    )


def _find_filter(symbol: _Symbol, kind: str, field: str) -> Decimal | None:
    for entry in symbol.filters:
        if entry.filterType == kind:
            value: str | None = getattr(entry, field)
            return None if value is None else _to_decimal(value)
    return None


def _to_decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise MalformedPayload(f"not a decimal number: {text[:40]!r}")
    return Decimal(text)
