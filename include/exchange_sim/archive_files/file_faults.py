"""What a fault makes of the text of an archive file: still a file, with other rows."""

from decimal import Decimal

from exchange_sim.archive_files.archive_names import ArchiveFile
from exchange_sim.archive_files.store import MICROSECONDS_FROM_MS
from exchange_sim.faults.fault_rules import Fault
from exchange_sim.faults.payload_faults import malformed_row
from exchange_sim.klines.intervals import slot_end, slot_start

_HEADER = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    b"taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
_CLOSE, _VOLUME, _CLOSE_TIME, _QUOTE, _COUNT = 4, 5, 6, 7, 8
_PLACES = Decimal("1e-8")


def altered_text(fault: Fault, file: ArchiveFile, text: bytes) -> bytes:
    """Return the text that a wrong file has; see ``Fault`` for what each kind does.

    Args:
        fault: of one of ``FILE_KINDS``.
        file: whose text it is.
        text: its true CSV, at least one row.
    """
    if fault.kind == "header":
        return _HEADER + text
    lines = text.splitlines(keepends=True)
    if fault.kind == "half_file":
        return b"".join(lines[: len(lines) // 2])
    if fault.kind == "outside_row":
        return text + _outside(file, lines[-1])
    for index in _touched(fault, file, lines):
        lines[index] = _altered_line(fault, lines[index])
    return b"".join(lines)


def _unit(file: ArchiveFile) -> int:
    """Return how many of a file's units of time a millisecond has."""
    return 1000 if file.start_ms >= MICROSECONDS_FROM_MS else 1


def _touched(fault: Fault, file: ArchiveFile, lines: list[bytes]) -> list[int]:
    """Return the places of the rows that open in the fault's range, or of the middle one."""
    if fault.from_ms is None and fault.to_ms is None:
        return [len(lines) // 2]
    first = file.start_ms if fault.from_ms is None else fault.from_ms
    last = file.end_ms if fault.to_ms is None else fault.to_ms
    unit = _unit(file)
    opens = [int(line.partition(b",")[0]) for line in lines]
    return [at for at, opened in enumerate(opens) if first * unit <= opened < last * unit]


def _altered_line(fault: Fault, line: bytes) -> bytes:
    row = line.decode().rstrip("\n").split(",")
    if fault.kind == "bad_row":
        return _line(malformed_row(row, fault.variant))
    other = _line(_one_more(row))
    return other if fault.kind == "other_row" else other + line


def _line(row: list[str]) -> bytes:
    return (",".join(row) + "\n").encode()


def _one_more(row: list[str]) -> list[str]:
    """Return a row with one more trade: one whole unit at the close, by a maker who bought.

    Every rule that a candle keeps stays kept, so that only the sum of the file tells.
    """
    other = list(row)
    other[_VOLUME] = _plus(row[_VOLUME], "1")
    other[_QUOTE] = _plus(row[_QUOTE], row[_CLOSE])
    other[_COUNT] = str(int(row[_COUNT]) + 1)
    return other


def _plus(first: str, second: str) -> str:
    return f"{(Decimal(first) + Decimal(second)).quantize(_PLACES):f}"


def _outside(file: ArchiveFile, last: bytes) -> bytes:
    """Return the file's last row, moved to the first slot that opens after the period."""
    at = slot_start(file.interval, file.end_ms)
    if at < file.end_ms:
        at = slot_end(file.interval, at)
    unit = _unit(file)
    row = last.decode().rstrip("\n").split(",")
    row[0] = str(at * unit)
    row[_CLOSE_TIME] = str(slot_end(file.interval, at) * unit - 1)
    return _line(row)
