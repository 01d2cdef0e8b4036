"""Channels and updates of streams, overdue closes, and the histogram of lags."""
