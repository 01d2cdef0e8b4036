"""Updates of streams, closes that are due, and lags."""
