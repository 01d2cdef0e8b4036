"""Which exchange a warehouse belongs to, where it is, and how it is opened."""
