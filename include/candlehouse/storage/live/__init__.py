"""Forming and closed candles of streams, their sessions, and the writer's lock."""
