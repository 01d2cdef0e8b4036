"""Use cases: they join the exchange, the warehouse and the decisions in core."""
