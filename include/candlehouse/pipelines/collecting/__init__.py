"""Collection runs: the requested ranges, their plan, its execution, and the report."""
