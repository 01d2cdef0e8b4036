"""Instruments and the universe, of now and of past months."""
