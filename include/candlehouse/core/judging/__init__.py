"""What answers prove, and why a candle is missing."""
