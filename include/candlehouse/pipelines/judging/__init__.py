"""Why candles are missing: who is asked, what they say, and the verdict with its evidence."""
