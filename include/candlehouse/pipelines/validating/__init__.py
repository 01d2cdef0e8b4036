"""Validation of what is stored, window by window."""
