"""Writing what streams bring: the buffer, the writer, and the spool on disk."""
