"""Binance: all that knows this exchange, and nothing else does."""
