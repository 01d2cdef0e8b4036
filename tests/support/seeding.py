"""Seeds of randomised tests."""

from __future__ import annotations

import os


def find_seed(default: int) -> int:
    """CANDLEHOUSE_SEED, or the test's own seed: the same run brings the same result.

    It is printed, which pytest shows of a test that fails.
    """
    seed = int(os.environ.get("CANDLEHOUSE_SEED", default))
    print(f"CANDLEHOUSE_SEED={seed}")
    return seed
