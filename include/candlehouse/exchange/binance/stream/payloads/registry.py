"""The kinds of streams that are received: who adds one adds a line here."""

from __future__ import annotations

from candlehouse.exchange.binance.stream.payloads.klines import KLINES
from candlehouse.exchange.binance.stream.payloads.mini_tickers import MINI_TICKERS
from candlehouse.exchange.binance.stream.payloads.payload import Payload

PAYLOADS: tuple[Payload, ...] = (KLINES, MINI_TICKERS)
BY_KIND = {payload.kind: payload for payload in PAYLOADS}
BY_EVENT = {payload.event: payload for payload in PAYLOADS if payload.event is not None}
