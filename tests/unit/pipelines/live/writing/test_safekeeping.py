"""Durable updates of several kinds while nothing is written to the database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from candlehouse.core.live.price_updates import PriceUpdate
from candlehouse.pipelines.live.kinds.candle_spool import CANDLE_SPOOL
from candlehouse.pipelines.live.writing import safekeeping
from candlehouse.pipelines.live.writing.batches import make_durable
from candlehouse.pipelines.live.writing.safekeeping import Safekeeping
from candlehouse.pipelines.live.writing.spool import SpoolFormat, find_spools
from support.data.batches import make_batch
from support.data.updates import make_price, make_update


def encode(updates: Sequence[PriceUpdate]) -> bytes:
    return msgspec.json.Encoder().encode_lines(updates)


# As a kind would have it whose updates are appended, like trades.
DEALS = SpoolFormat("deals", encode, msgspec.json.Decoder(PriceUpdate).decode)
CLOSED = [make_update(slot=slot, closed=True) for slot in range(3)]
DEAL = make_price()


def replay(kept: Safekeeping) -> list[tuple[str, list[object]]]:
    return [
        (kind, part.durable)
        for path in kept.find_spools()
        for batch in kept.replay(path)
        for kind, part in batch.parts.items()
    ]


def test_kinds_are_kept_apart_and_each_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = Safekeeping(tmp_path, [CANDLE_SPOOL, DEALS])
    kept.remember(make_durable({"candles": CLOSED[:1]}))
    assert kept.keep(make_durable({"candles": CLOSED[1:], "deals": [DEAL]})) == 4
    assert kept.recall() == {}
    kept.close()

    found = dict(replay(Safekeeping(tmp_path, [CANDLE_SPOOL, DEALS])))
    assert found == {"candles": CLOSED, "deals": [DEAL]}
    assert find_spools(tmp_path) == []


def test_spool_of_a_kind_that_is_not_streamed_here_is_left_for_who_streams_it(
    tmp_path: Path,
) -> None:
    kept = Safekeeping(tmp_path, [DEALS])
    kept.keep(make_durable({"deals": [DEAL]}))
    kept.close()

    assert replay(Safekeeping(tmp_path, [CANDLE_SPOOL])) == []
    assert len(find_spools(tmp_path)) == 1


def test_spool_from_before_there_were_kinds_has_candles(tmp_path: Path) -> None:
    line = b'[["BTCUSDT","1m"],%d,%d,true,"%s"]\n'
    one = CLOSED[0]
    text = one.line.replace("\t", "\\t").encode()
    (tmp_path / "4711-0badcafe.spool").write_bytes(line % (one.open_ms, one.event_ms, text))

    assert replay(Safekeeping(tmp_path, [CANDLE_SPOOL])) == [("candles", [one])]


def test_what_is_not_durable_is_not_kept(tmp_path: Path) -> None:
    kept = Safekeeping(tmp_path, [CANDLE_SPOOL])
    batch = make_batch(forming=[make_update()], prices=[make_price()])
    kept.remember(batch)

    assert kept.keep(batch) == 0
    assert find_spools(tmp_path) == []


def test_only_the_newest_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safekeeping, "_REMEMBERED", 2)
    kept = Safekeeping(tmp_path, [CANDLE_SPOOL])
    for update in CLOSED:
        kept.remember(make_durable({"candles": [update]}))

    assert kept.recall() == {"candles": CLOSED[1:]}
    assert kept.recall() == {}
