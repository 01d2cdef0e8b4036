"""Which request or message meets which fault: rules and their bookkeeping, without any I/O."""

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from exchange_sim.faults.fault_rules import (
    BODY_KINDS,
    EVENT_KINDS,
    FILE_KINDS,
    FRAME_KINDS,
    KINDS,
    ONLY_STREAMS,
    Fault,
    is_stream,
)


@dataclass(frozen=True, slots=True)
class Message:
    """The properties of a stream's message that rules match.

    Attributes:
        path: of the connection that it goes to, None for what goes to all alike.
        closed: whether its candle is final, None if it has none.
    """

    path: str | None
    symbol: str
    interval: str
    closed: bool | None


@dataclass(frozen=True, slots=True)
class RequestedFile:
    """An archive file that was requested, by its zip or by its checksum.

    Attributes:
        path: of the zip, with a leading slash.
        start_ms, end_ms: half-open stretch of open times inside.
    """

    path: str
    symbol: str
    interval: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class FiredFault:
    """A fault that applies to a message, and the rule's random numbers for its details."""

    fault: Fault
    rng: random.Random


@dataclass(slots=True)
class _Rule:
    number: int
    fault: Fault
    rng: random.Random
    matched: int = 0
    fired: int = 0
    # Of archive files: what was decided once stays, or a zip and its checksum would disagree.
    decided: dict[str, bool] = field(default_factory=dict)

    @property
    def spent(self) -> bool:
        return self.fault.count is not None and self.fired >= self.fault.count

    def fires_for_request(self, path: str, symbol: str, interval: str) -> bool:
        fault = self.fault
        if fault.kind in ONLY_STREAMS | FILE_KINDS or fault.close_only or fault.forming_only:
            return False
        if fault.kind in BODY_KINDS and is_stream(path):
            return False
        return self._is_on(path) and self._is_about(symbol, interval) and self._fires()

    def fires_for_file(self, file: RequestedFile) -> bool:
        fault = self.fault
        if not self._is_on(file.path) or not self._is_about(file.symbol, file.interval):
            return False
        if fault.from_ms is not None and file.end_ms <= fault.from_ms:
            return False
        if fault.to_ms is not None and fault.to_ms <= file.start_ms:
            return False
        decided = self.decided.get(file.path)
        if decided is None:
            decided = self.decided[file.path] = self._fires()
        return decided

    def fires_for_message(self, message: Message) -> bool:
        fault = self.fault
        if message.path is not None and not self._is_on(message.path):
            return False
        if (fault.close_only or fault.kind in EVENT_KINDS) and message.closed is not True:
            return False
        if fault.forming_only and message.closed is not False:
            return False
        return self._is_about(message.symbol, message.interval) and self._fires()

    def _is_on(self, path: str) -> bool:
        fault = self.fault
        own = any(fnmatchcase(path, pattern) for pattern in KINDS[fault.kind])
        return own and (fault.path is None or fnmatchcase(path, fault.path))

    def _is_about(self, symbol: str, interval: str) -> bool:
        fault = self.fault
        if fault.symbol is not None and not fnmatchcase(symbol, fault.symbol):
            return False
        return fault.interval is None or fnmatchcase(interval, fault.interval)

    def _fires(self) -> bool:
        if self.spent:
            return False
        self.matched += 1
        if self.matched <= self.fault.skip or self.rng.random() >= self.fault.probability:
            return False
        self.fired += 1
        return True


class FaultBook:
    """The faults in force, in the order in which they were set."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._of_files: list[_Rule] = []
        self._of_events: list[_Rule] = []
        self._of_messages: list[_Rule] = []
        self._next = 1

    def __len__(self) -> int:
        return len(self._rules)

    @property
    def has_event_faults(self) -> bool:
        """Whether any rule applies to events."""
        return bool(self._of_events)

    @property
    def has_message_faults(self) -> bool:
        """Whether any rule applies to messages."""
        return bool(self._of_messages)

    def add(self, faults: list[Fault]) -> list[int]:
        """Put faults in force and return their numbers."""
        numbers = []
        for fault in faults:
            rng = random.Random(f"{fault.seed}/{fault.kind}")
            self._rules.append(_Rule(self._next, fault, rng))
            numbers.append(self._next)
            self._next += 1
        self._sort()
        return numbers

    def remove(self, number: int | None = None) -> int:
        """Remove one fault or, without a number, all; return how many there were."""
        kept = [rule for rule in self._rules if number is not None and rule.number != number]
        removed = len(self._rules) - len(kept)
        self._rules = kept
        self._sort()
        return removed

    def pick(self, path: str, symbol: str, interval: str) -> Fault | None:
        """Return the fault that applies to this request, None for most requests.

        The first rule that fires wins; a spent rule stays listed.
        """
        for rule in self._rules:
            if rule.fires_for_request(path, symbol, interval):
                return rule.fault
        return None

    def pick_for_file(self, file: RequestedFile) -> Fault | None:
        """Return what is wrong inside an archive file, the same for its zip and its checksum."""
        return next((rule.fault for rule in self._of_files if rule.fires_for_file(file)), None)

    def pick_for_event(self, message: Message) -> FiredFault | None:
        """Return the fault that applies to an event for all connections; None for most events."""
        return _first(self._of_events, message)

    def pick_for_message(self, message: Message) -> FiredFault | None:
        """Return the fault that applies to a message to one connection; None for most messages."""
        return _first(self._of_messages, message)

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

    def _sort(self) -> None:
        """Sort the rules by what they apply to, because messages are many."""
        self._of_files = [rule for rule in self._rules if rule.fault.kind in FILE_KINDS]
        self._of_events = [rule for rule in self._rules if rule.fault.kind in EVENT_KINDS]
        self._of_messages = [rule for rule in self._rules if rule.fault.kind in FRAME_KINDS]


def _first(rules: list[_Rule], message: Message) -> FiredFault | None:
    for rule in rules:
        if rule.fires_for_message(message):
            return FiredFault(rule.fault, rule.rng)
    return None
