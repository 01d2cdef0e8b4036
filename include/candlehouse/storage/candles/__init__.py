"""Candles: writing pages, flags, quarantine, and which slots are stored."""
