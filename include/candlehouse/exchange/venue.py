"""The facts of the exchange that this project collects from; `adapter` opens that exchange."""

from candlehouse.exchange.binance.facts import VENUE as VENUE
