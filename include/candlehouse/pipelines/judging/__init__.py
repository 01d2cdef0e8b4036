"""Verdicts on missing candles: witnesses, repeated requests, and the recorded evidence."""
