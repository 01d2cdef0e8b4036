"""Compares stored candles with REST and with the published files."""
