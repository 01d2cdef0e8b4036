"""Adapters of the exchange: its wire, its REST API, the sources of market capitalisation."""
