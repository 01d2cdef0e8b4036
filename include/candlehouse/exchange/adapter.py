"""The adapter of the exchange that this project collects from; `venue` holds only its facts."""

from candlehouse.core.ports import ExchangeAdapter
from candlehouse.exchange.binance.adapter import BinanceAdapter

ADAPTER: ExchangeAdapter = BinanceAdapter()
