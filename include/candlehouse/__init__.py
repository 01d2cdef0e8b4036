"""A complete, exact and explained record of spot candles in PostgreSQL."""
