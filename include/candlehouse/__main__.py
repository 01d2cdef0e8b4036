"""`python -m candlehouse`."""

import sys

from candlehouse.cli import main

if __name__ == "__main__":
    sys.exit(main())
