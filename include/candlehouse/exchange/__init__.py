"""Adapters of exchanges, of candle files, and of sources of market capitalisation."""
