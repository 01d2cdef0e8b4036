"""The tree of zipped candle files that Binance publishes after each day and month."""
