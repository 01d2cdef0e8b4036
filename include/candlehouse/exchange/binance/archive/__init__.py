"""The exchange's archive: one zip of candles per day and month of a series."""
