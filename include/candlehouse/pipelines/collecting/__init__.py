"""Collection: ask, plan, fetch, store, and say what was done."""
