"""`python -m candlehouse`."""

import gc
import sys

from candlehouse.cli import main

if __name__ == "__main__":
    code = main()
    # Everything ends with the process: a last look for garbage would take a fifth of a second.
    gc.freeze()
    sys.exit(code)
