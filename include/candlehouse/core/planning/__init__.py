"""What to ask for: windows, fetch plans and what they cost."""
