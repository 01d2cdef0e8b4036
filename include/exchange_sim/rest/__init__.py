"""Binance's REST interface, one module a family of endpoints."""
