"""The facts of the exchange that this project collects from; `adapter` opens its interfaces."""

from candlehouse.exchange.binance.facts import VENUE as VENUE
