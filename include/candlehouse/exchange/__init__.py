"""Adapters: of exchanges, of files of candles, and of sources of market capitalisation."""
