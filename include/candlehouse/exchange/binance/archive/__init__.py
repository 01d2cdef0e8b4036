"""The exchange's archive: a zip of candles for each day and month of a series."""
