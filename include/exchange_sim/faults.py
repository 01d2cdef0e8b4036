"""Which request meets which fault: rules and their bookkeeping, without any I/O."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import msgspec

_KLINES = "/api/v3/klines"
_ARCHIVE = "/data/*"

# Every kind of fault and the paths it can befall unless the rule names others.
KINDS: Mapping[str, str] = {
    "403": "*",
    "451": "*",
    "418": "*",
    "429": "*",
    "500": "*",
    "503": "*",
    "504": "*",
    "timeout": "*",
    "reset": "*",
    "cut": "*",
    "delay": "*",
    "html": "*",
    "empty": "*",
    "null": "*",
    "broken_json": "*",
    "hole": _KLINES,
    "stale": _KLINES,
    "malformed_row": _KLINES,
    "missing": _ARCHIVE,
    "bad_checksum": _ARCHIVE + ".CHECKSUM",
    "truncated_zip": _ARCHIVE + ".zip",
}


class FaultError(ValueError):
    """A fault that was described wrongly; the text says how."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule: which requests go wrong, how, and how often.

    Attributes:
        kind: a key of ``KINDS``.
        path: shell pattern of the path; None means the kind's own paths.
        symbol, interval: only requests for these (patterns too); None means any.
        count: how many requests it befalls before it is spent; None means for ever.
        skip: how many matching requests pass unharmed first.
        probability: chance for each matching request, drawn from ``seed``.
        seconds: length of a delay or timeout, or Retry-After of 418 and 429.
        from_ms, to_ms: half-open open times that ``hole``, ``stale`` and ``malformed_row`` touch;
            without them a hole takes the middle third of a page, the others its last row.
        variant: of ``malformed_row``: ``short``, ``text`` or ``negative``.
    """

    kind: str
    path: str | None = None
    symbol: str | None = None
    interval: str | None = None
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    variant: str = "short"

    def check(self) -> None:
        """Check what types cannot say.

        Raises:
            FaultError: an unknown kind or variant, or a number out of range.
        """
        if self.kind not in KINDS:
            raise FaultError(f"unknown kind {self.kind!r}; one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise FaultError(f"probability {self.probability} is not between 0 and 1")
        if self.count is not None and self.count < 1:
            raise FaultError(f"count {self.count} is not positive")
        if self.skip < 0 or (self.seconds is not None and self.seconds < 0):
            raise FaultError("skip and seconds must not be negative")
        if self.variant not in ("short", "text", "negative"):
            raise FaultError(f"unknown variant {self.variant!r}; short, text or negative")


def parse_faults(data: bytes | str) -> list[Fault]:
    """Return the faults in a JSON object or list of objects.

    Raises:
        FaultError: it is not JSON, or not a fault.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        faults = msgspec.json.decode(raw, type=Fault | list[Fault])
    except msgspec.DecodeError as error:
        raise FaultError(str(error)) from error
    listed = faults if isinstance(faults, list) else [faults]
    for fault in listed:
        fault.check()
    return listed


@dataclass(slots=True)
class _Rule:
    number: int
    fault: Fault
    rng: random.Random
    matched: int = 0
    fired: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.count is not None and self.fired >= self.fault.count

    def fires(self, path: str, symbol: str, interval: str) -> bool:
        fault = self.fault
        own = KINDS[fault.kind]
        if self.spent or not fnmatchcase(path, own if fault.path is None else fault.path):
            return False
        if own != "*" and not fnmatchcase(path, own):
            return False
        if fault.symbol is not None and not fnmatchcase(symbol, fault.symbol):
            return False
        if fault.interval is not None and not fnmatchcase(interval, fault.interval):
            return False
        self.matched += 1
        if self.matched <= fault.skip or self.rng.random() >= fault.probability:
            return False
        self.fired += 1
        return True


class FaultBook:
    """The faults in force, in the order in which they were set."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._next = 1

    def __len__(self) -> int:
        return len(self._rules)

    def add(self, faults: list[Fault]) -> list[int]:
        """Put faults in force and return their numbers."""
        numbers = []
        for fault in faults:
            rng = random.Random(f"{fault.seed}/{fault.kind}")
            self._rules.append(_Rule(self._next, fault, rng))
            numbers.append(self._next)
            self._next += 1
        return numbers

    def remove(self, number: int | None = None) -> int:
        """Remove one fault or, without a number, all; return how many there were."""
        kept = [rule for rule in self._rules if number is not None and rule.number != number]
        removed = len(self._rules) - len(kept)
        self._rules = kept
        return removed

    def pick(self, path: str, symbol: str, interval: str) -> Fault | None:
        """Return the fault that befalls this request, None for most.

        The first rule that fires wins; a spent rule stays listed.
        """
        for rule in self._rules:
            if rule.fires(path, symbol, interval):
                return rule.fault
        return None

    def listing(self) -> list[dict[str, Any]]:
        """Return every rule with its number and how often it matched and fired."""
        return [
            {
                "id": rule.number,
                **msgspec.to_builtins(rule.fault),
                "matched": rule.matched,
                "fired": rule.fired,
            }
            for rule in self._rules
        ]
