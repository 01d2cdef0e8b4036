"""Fetches and stores candles concurrently; shared by collecting, healing and reconciling."""
