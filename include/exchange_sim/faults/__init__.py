"""Fault injection: which faults there are, when they strike, and what they do."""
