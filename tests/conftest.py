"""What every test may use; Airflow's own surroundings are in tests/airflow."""

import os
from pathlib import Path

pytest_plugins = ["fixtures.postgres"]

# For the processes that tests start; pytest itself has it from pyproject.toml.
os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent / "include")
