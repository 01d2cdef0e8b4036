"""What `make run` runs: the embedded server, the stand-in exchange and Airflow's parts.

All are started, watched and ended from here. Airflow itself is never imported: its
parts are programs with an environment.
"""
