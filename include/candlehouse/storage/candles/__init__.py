"""Candles: written in pages, flagged, quarantined, and which slots are held."""
