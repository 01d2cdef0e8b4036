"""What answers prove about missing candles, and the verdicts that follow."""
