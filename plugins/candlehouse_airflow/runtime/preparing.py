"""Makes what Airflow needs before its parts start, as a program that is given the file of pools.

Each of Airflow's own commands takes seconds to import it: here they share one process.
"""

from __future__ import annotations

import sys


def prepare(pools_file: str) -> None:
    """Brings the metadata database up to date, and makes or resizes the pools of a file."""
    for command in (("db", "migrate"), ("pools", "import", pools_file)):
        _run(*command)


def _run(*arguments: str) -> None:
    from airflow.__main__ import main

    sys.argv = ["airflow", *arguments]
    main()  # type: ignore[no-untyped-call]  # as it is


if __name__ == "__main__":
    prepare(sys.argv[1])
