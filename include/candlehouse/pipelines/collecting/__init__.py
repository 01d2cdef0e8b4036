"""Collection runs: what is asked for, planned, carried out, and said of it."""
