"""``python -m exchange_sim``."""

import sys

from exchange_sim.cli import main

sys.exit(main())
