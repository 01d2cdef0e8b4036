"""Binance's REST API: requests, their weights, and their responses."""
