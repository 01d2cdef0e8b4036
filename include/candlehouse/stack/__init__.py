"""What `make run` runs: the embedded server, the stand-in exchange and Airflow's parts.

This package starts, supervises and ends all of them. Airflow itself is never imported: its parts
are separate programs.
"""
