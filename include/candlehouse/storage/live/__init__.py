"""Forming and closed candles of streams, stream sessions, and the writer's lock."""
