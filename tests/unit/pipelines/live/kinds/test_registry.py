"""Which kinds can be streamed, and what each has to say of itself."""

from __future__ import annotations

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.model import Series
from candlehouse.core.timeframe import Timeframe
from candlehouse.exchange.binance.stream.names import parse_stream_name, stream_name
from candlehouse.pipelines.live.kinds.kind import AnyKind
from candlehouse.pipelines.live.kinds.kind_set import KindSet
from candlehouse.pipelines.live.kinds.registry import DEFAULT_KINDS, KINDS, make_kinds, parse_kinds
from candlehouse.settings import load_settings
from candlehouse.storage.database.engine import connect
from candlehouse.storage.warehouse import Warehouse

SERIES = [Series("BTCUSDT", Timeframe.M1), Series("BTCUSDT", Timeframe.H1)]


@pytest.fixture
def kinds() -> dict[str, AnyKind]:
    # Nothing of what is asked here needs a connection.
    url = "postgresql://nobody@127.0.0.1:1/none"
    return make_kinds(
        KINDS, Warehouse(load_settings({"CANDLEHOUSE_DATABASE_URL": url}), connect(url))
    )


def test_names_are_taken_once_in_their_order() -> None:
    assert parse_kinds(["prices", "candles", "prices"]) == ("prices", "candles")
    assert parse_kinds(DEFAULT_KINDS) == DEFAULT_KINDS


def test_name_of_no_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'ticks': one of candles, prices"):
        parse_kinds(["candles", "ticks"])


def test_exchange_streams_every_channel_of_every_kind(kinds: dict[str, AnyKind]) -> None:
    for name, kind in kinds.items():
        chosen = kind.choose_channels(SERIES)
        assert chosen
        for channel in chosen:
            assert channel.kind == name == kind.name
            assert parse_stream_name(stream_name(channel)) == channel


def test_kind_has_a_spool_exactly_if_it_has_durable_updates(kinds: dict[str, AnyKind]) -> None:
    for kind in kinds.values():
        assert (kind.spool_format is None) == (kind.writer.store is None)
        assert kind.spool_format is None or kind.spool_format.kind == kind.name


def test_kind_with_durable_updates_is_written_under_a_lock(kinds: dict[str, AnyKind]) -> None:
    for kind in kinds.values():
        assert kind.writer.store is None or kind.writer.lock is not None


def test_session_streams_only_the_kinds_that_were_asked_for(kinds: dict[str, AnyKind]) -> None:
    prices = KindSet({"prices": kinds["prices"]})

    assert {str(channel) for channel in prices.choose_channels(SERIES)} == {"prices of BTCUSDT"}
    assert list(prices.buffers) == list(prices.writers) == ["prices"]
    assert prices.spool_formats == []
