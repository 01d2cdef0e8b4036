"""How tasks meet Airflow: resources, failures, what a run says of itself, logs."""
