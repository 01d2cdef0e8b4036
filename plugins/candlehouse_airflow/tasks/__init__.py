"""The tasks of the DAGs: thin calls of the use cases."""
