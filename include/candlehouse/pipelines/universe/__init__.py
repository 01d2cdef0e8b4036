"""The universe: refreshed, backfilled, and the lives of its pairs."""
