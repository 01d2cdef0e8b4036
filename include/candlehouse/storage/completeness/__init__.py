"""Series, gaps and their evidence, loads, and coverage."""
