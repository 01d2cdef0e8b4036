"""Closed candles as lines of a spool."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from candlehouse.core.live.candle_updates import CANDLES, CandleUpdate, candle_channel
from candlehouse.core.model import Series
from candlehouse.pipelines.live.writing.spool import SpoolFormat

_ENCODER = msgspec.json.Encoder()
# The fields of an update in their order, with its series in place of the channel.
_DECODER = msgspec.json.Decoder(tuple[Series, int, int, bool, str])


def _encode(updates: Sequence[CandleUpdate]) -> bytes:
    return _ENCODER.encode_lines([(update.series, *update[1:]) for update in updates])


def _decode(line: bytes) -> CandleUpdate:
    series, open_ms, event_ms, closed, text = _DECODER.decode(line)
    return CandleUpdate(candle_channel(series), open_ms, event_ms, closed, text)


CANDLE_SPOOL = SpoolFormat(CANDLES, _encode, _decode)
