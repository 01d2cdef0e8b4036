"""Instruments and the universe, present and past."""
