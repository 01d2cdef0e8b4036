"""How far sources and stored candles agree."""
