"""What the streams of each kind carry: one module per kind."""
