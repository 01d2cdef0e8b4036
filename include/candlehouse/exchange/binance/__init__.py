"""Binance: the only package that knows this exchange."""
