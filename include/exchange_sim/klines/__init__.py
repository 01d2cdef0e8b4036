"""What candles are, and how pages of candles look on the wire."""
