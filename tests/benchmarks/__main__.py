"""Runs benchmarks and writes what they bring: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measuring.machine import describe_machine
from benchmarks.measuring.processes import pin, split_cores
from benchmarks.measuring.report import render, write_report
from benchmarks.measuring.results import Options, Result

# Each is a module with `run(options)`, which brings results one by one.
PARTS = (
    "decode", "throughput", "session", "coverage", "validation", "storage", "archive", "backfill",
    "orchestrated",
)  # fmt: skip
_ROOT = Path(__file__).parents[2]


def parse_arguments(arguments: Sequence[str]) -> tuple[list[str], Options]:
    """Names of the parts, and how to run them."""
    usual = Options(_ROOT / "var" / "bench")
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        choices=[[], *PARTS],
        metavar="part",
        help=f"{', '.join(PARTS)}; all if none is named",
    )
    parser.add_argument("--repeats", type=int, default=usual.repeats, metavar="N")
    parser.add_argument(
        "--decode-seconds", type=float, default=usual.decode_s, metavar="S", help="of each peer"
    )
    parser.add_argument(
        "--seconds", type=float, default=usual.throughput_s, metavar="S",
        help="of each run of throughput; 600 tell whether memory grows",
    )  # fmt: skip
    parser.add_argument(
        "--rates", type=int, nargs="+", default=usual.rates, metavar="N", help="of throughput"
    )
    parser.add_argument(
        "--candles", type=int, nargs="+", default=usual.candles, metavar="N",
        help="in the warehouses of coverage and validation",
    )  # fmt: skip
    parser.add_argument(
        "--symbols",
        type=int,
        metavar="N",
        help="of history; 10 for backfill, 50 for archive, 52 for orchestrated",
    )
    parser.add_argument("--days", type=int, default=usual.days, metavar="N", help="of history")
    parser.add_argument(
        "--limited-days", type=int, default=usual.limited_days, metavar="N",
        help="of history under the real weight limit",
    )  # fmt: skip
    parser.add_argument(
        "--idle-seconds", type=float, default=usual.idle_s, metavar="S",
        help="that the stack is watched when nothing happens, 0 for not at all",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=usual.out, metavar="FOLDER")
    chosen = parser.parse_args(arguments)
    options = Options(
        chosen.out.absolute(),
        chosen.repeats,
        chosen.decode_seconds,
        chosen.seconds,
        tuple(chosen.rates),
        tuple(chosen.candles),
        chosen.symbols,
        chosen.days,
        chosen.limited_days,
        chosen.idle_seconds,
    )
    return chosen.parts or list(PARTS), options


def main(arguments: Sequence[str]) -> int:
    """Whatever was measured before an interruption is written all the same."""
    parts, options = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    machine = describe_machine()
    # What is measured has a core to itself, and starts from here.
    pin(split_cores()[1])
    results: list[Result] = []
    try:
        for part in parts:
            for result in import_module(f"benchmarks.parts.{part}").run(options):
                results.append(result)
                _tell(result)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        if results:
            path = write_report(options.out, machine, results)
            print(f"\n{render(machine, results)}\n{path}")
    return 0


def _tell(result: Result) -> None:
    figures = ", ".join(
        f"{name} {value:,.6g}" for name, value in result.figures.items() if value is not None
    )
    told = f"{result.part}, {result.case}, {result.subject}: {figures} {result.note}"
    print(told.strip(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
