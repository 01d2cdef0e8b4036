"""Binance's REST API: requests, what they weigh, and what comes back."""
