"""Fetching and storing side by side, shared by all that asks the exchange for candles."""
