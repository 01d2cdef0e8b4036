"""The batch that one flush writes, with one part per kind of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from candlehouse.core.live.updates import BadMessage, Update

U = TypeVar("U", bound=Update)


@dataclass(frozen=True, slots=True)
class Part(Generic[U]):
    """Updates of one kind.

    Attributes:
        kind: of their channels.
        durable: those that must not be lost, in the order of receiving; nothing that comes
            later says the same again. They go to disk while no database takes them.
        latest: the newest of each channel that changed; the next one of a channel replaces
            it, so that losing one costs a moment.
    """

    kind: str
    durable: list[U] = field(default_factory=list)
    latest: list[U] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one flush writes.

    Attributes:
        parts: one of each kind that has any updates, by kind.
        bad: refused messages to be kept.
        events_ms: the exchange's time of every message that is covered by the batch.
    """

    parts: Mapping[str, Part[Any]] = field(default_factory=dict)
    bad: list[BadMessage] = field(default_factory=list)
    events_ms: list[int] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.parts or self.bad)


def make_durable(updates: Mapping[str, list[Any]]) -> Batch:
    """A batch of durable updates, given by their kind, and nothing else."""
    return Batch({kind: Part(kind, list(some)) for kind, some in updates.items() if some})
