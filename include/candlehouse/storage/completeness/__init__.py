"""Series, gaps and their evidence, loads of history, and coverage."""
