"""Writing what streams bring: the buffers, the writer, and the spools on disk."""
