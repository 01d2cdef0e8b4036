"""The warehouse: PostgreSQL with or without TimescaleDB."""
