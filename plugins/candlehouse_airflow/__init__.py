"""Airflow's edge: turns runs, forms and failures of Airflow into calls of the use cases.

The dag-processor imports these modules again and again with the DAG files, so slow imports
happen inside the tasks.
"""
