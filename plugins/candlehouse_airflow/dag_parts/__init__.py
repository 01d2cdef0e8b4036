"""What DAG files are put together from: defaults, forms, assets, triggers."""
