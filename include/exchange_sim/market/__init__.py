"""The synthetic market: what each symbol traded in every minute, from a seed alone."""
