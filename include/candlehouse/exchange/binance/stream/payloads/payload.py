"""The definition of a kind of stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec

from candlehouse.core.live.channels import Channel
from candlehouse.core.live.updates import Update
from candlehouse.core.timeframe import Timeframe

# Fourteen digits, as for klines of the REST API; larger than any time or count is impossible.
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=10**18)]
DECIMAL = r"[0-9]{1,40}+(?:\.[0-9]{1,40}+)?+"
ONE_DECIMAL = re.compile(DECIMAL)

# Returns an update, or the name of the broken rule.
Reader: TypeAlias = Callable[[bytes], Update | str]


@dataclass(frozen=True, slots=True)
class Payload:
    """One kind of stream, as the exchange has it.

    Attributes:
        kind: of the channels that it brings.
        suffixes: what follows the `@` in the name of a stream, by the channel's timeframe;
            None as the only timeframe of a kind that has none.
        event: the value of `data.e` in every message; None where messages have no such field.
        decode: decodes a whole message of a combined stream, and raises an error of msgspec
            when anything in it is missing or has the wrong type.
        make_reader: gives the function that decodes and checks the messages of one channel,
            and raises what `decode` raises. It runs for every message: what is the same for
            all of them is to be computed once.
    """

    kind: str
    suffixes: Mapping[Timeframe | None, str]
    event: str | None
    decode: Callable[[bytes], object]
    make_reader: Callable[[Channel], Reader]
