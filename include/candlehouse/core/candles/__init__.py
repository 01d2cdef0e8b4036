"""Candles as text: the lines used between exchange and database, and those of published files."""
