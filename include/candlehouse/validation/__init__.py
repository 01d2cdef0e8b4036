"""Validates the warehouse with Great Expectations, whose queries run on the server per window."""
