"""The exchange that this project collects from: the one place that names its adapter."""

from candlehouse.exchange.binance.facts import VENUE as VENUE
