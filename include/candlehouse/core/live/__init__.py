"""Channels and updates of streams, closes that are due, and lags."""
