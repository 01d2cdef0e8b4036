"""The consumers that settings can enable; each has one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from candlehouse.pipelines.live.consumers.consumer import Consumer
from candlehouse.settings import Settings

# Gives a consumer, or None when the settings do not ask for it. Nothing is connected yet: that
# belongs into the consumer's own thread.
ConsumerFactory: TypeAlias = Callable[[Settings], Consumer | None]

CONSUMERS: tuple[ConsumerFactory, ...] = ()


def make_consumers(settings: Settings) -> list[Consumer]:
    """The consumers that these settings enable."""
    made = (make(settings) for make in CONSUMERS)
    return [consumer for consumer in made if consumer is not None]
