"""Database access: the engine, sessions, transactions, and queries from `.sql` files."""
