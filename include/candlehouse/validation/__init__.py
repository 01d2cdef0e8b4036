"""Great Expectations over the warehouse: what must hold, asked of the server window by window."""
