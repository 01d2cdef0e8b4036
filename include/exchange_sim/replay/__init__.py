"""A folder of real candle files served as an exchange."""
