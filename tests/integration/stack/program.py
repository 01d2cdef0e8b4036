"""The run with its real use cases and a terminal that is none: what the tests of it start."""

import os
import sys

# Coverage is for this process: Airflow's parts would only be slowed down by it.
os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

from candlehouse.cli import main

if __name__ == "__main__":
    sys.exit(main(["run"]))
