"""The kinds that can be streamed; each has one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from candlehouse.core.errors import ConfigurationError
from candlehouse.pipelines.live.kinds.candle_kind import CandleKind
from candlehouse.pipelines.live.kinds.kind import AnyKind
from candlehouse.pipelines.live.kinds.price_kind import PriceKind
from candlehouse.storage.warehouse import Warehouse

KINDS: dict[str, Callable[[Warehouse], AnyKind]] = {
    CandleKind.name: CandleKind,
    PriceKind.name: PriceKind,
}
DEFAULT_KINDS = (CandleKind.name, PriceKind.name)


def parse_kinds(texts: Iterable[str]) -> tuple[str, ...]:
    """Distinct names of kinds in the order of their first mention.

    Raises:
        ConfigurationError: when one is the name of none, naming those that there are.
    """
    names = tuple(dict.fromkeys(texts))
    for name in names:
        if name not in KINDS:
            known = ", ".join(KINDS)
            raise ConfigurationError(f"unknown channel {name!r}: one of {known}")
    return names


def make_kinds(names: Iterable[str], warehouse: Warehouse) -> dict[str, AnyKind]:
    """The kinds of these names, for one session."""
    return {name: KINDS[name](warehouse) for name in names}
