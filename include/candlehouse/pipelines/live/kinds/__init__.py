"""What a session does for each kind of data: one module per kind, and the list of them."""
