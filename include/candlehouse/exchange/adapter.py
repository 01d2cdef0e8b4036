"""The adapter of the exchange that this project collects from; `venue` has the facts alone."""

from candlehouse.core.ports import ExchangeAdapter
from candlehouse.exchange.binance.adapter import BinanceAdapter

ADAPTER: ExchangeAdapter = BinanceAdapter()
