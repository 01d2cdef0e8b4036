"""What is validated, when, and in which windows."""
