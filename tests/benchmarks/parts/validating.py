"""One validation of everything: `python -m benchmarks.parts.validating URL HOME`.

Prints what it took as one line of JSON: the library's import apart, for a task pays it once.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from candlehouse.core.validating.validation_windows import Reach, ValidationScope
from candlehouse.pipelines.validating.validate import require_success, validate
from candlehouse.settings import load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse


def main(url: str, home: str) -> None:
    """Validates, and fails if anything is not as it must be."""
    began = time.perf_counter()
    import great_expectations  # noqa: F401 - what is imported is what is measured

    imported = time.perf_counter()
    engine = connect(url)
    settings = load_settings({"CANDLEHOUSE_HOME": home, "TIMEFRAMES": "5m,1h"})
    report = validate(Warehouse(settings, engine), ValidationScope(Reach.EVERYTHING))
    done = time.perf_counter()
    engine.dispose()
    require_success(report)
    told = {
        "seconds": done - imported,
        "import s": imported - began,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "candles": report.candles,
        "expectations": len(report.outcomes),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
