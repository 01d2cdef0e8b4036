"""Reads candle files of users: tables, their columns, their cells."""
