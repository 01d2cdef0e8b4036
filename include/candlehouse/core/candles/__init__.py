"""Candles as text: the lines in which they travel, those of published files, and their columns."""
