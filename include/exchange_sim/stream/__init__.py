"""The websocket side of the stand-in: streams of candles and tickers under /ws and /stream."""
