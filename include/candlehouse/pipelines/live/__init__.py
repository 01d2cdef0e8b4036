"""Live candles: what streams bring is written within milliseconds, and nothing closed is lost."""
