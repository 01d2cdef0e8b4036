"""A complete, exact and explained record of Binance spot candles in PostgreSQL."""
