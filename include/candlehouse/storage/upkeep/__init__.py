"""Partitions, retention and alerts."""
