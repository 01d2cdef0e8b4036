"""What the names and rows of imported files say."""
