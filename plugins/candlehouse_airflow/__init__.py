"""Airflow's edge: turns runs, forms and failures of Airflow into calls of the use cases.

Modules that DAG files import are parsed every few seconds by the dag-processor: what is
slow to import is imported inside the tasks.
"""
