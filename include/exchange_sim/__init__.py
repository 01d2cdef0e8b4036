"""A stand-in for Binance's public spot market: REST, streams, archives and market-cap sources.

It exists so that the collector can be tried offline, at any speed and with faults on demand.
It imports nothing from the collector and shares no parser with it: a shared parser would hide
a shared mistake.
"""
