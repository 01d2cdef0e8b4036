"""What the facts claim of candles is what the adapter reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.core.candles.candle_rows import VALUE_COLUMNS
from candlehouse.core.errors import MalformedPayload
from candlehouse.core.model import Series, Span
from candlehouse.core.timeframe import Timeframe, to_ms
from candlehouse.core.venue import RowOrder
from candlehouse.exchange.adapter import ADAPTER
from candlehouse.exchange.binance.facts import CANDLES, REST
from candlehouse.exchange.binance.http.rest import EXCHANGE_INFO, KLINES
from candlehouse.exchange.binance.http.wire import parse_klines
from candlehouse.exchange.venue import VENUE

T0 = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Series("BTCUSDT", Timeframe.H1)


def kline(opens: datetime) -> list[object]:
    price = ["1.0"] * 5
    return [to_ms(opens), *price, to_ms(opens + HOUR) - 1, "1.0", 1, "1.0", "1.0", "0"]


def test_every_timeframe_that_can_be_kept_is_there() -> None:
    assert CANDLES.timeframes == set(Timeframe)


def test_a_row_has_the_columns_that_the_facts_name() -> None:
    page = parse_klines(BTC, Span(T0, T0 + HOUR), [kline(T0)], REST.page_slots)
    assert set(VALUE_COLUMNS) == CANDLES.columns
    assert len(page.rows.text.split("\t")) == 1 + len(CANDLES.columns)


def test_rows_in_any_other_order_than_the_stated_one_are_refused() -> None:
    assert CANDLES.order is RowOrder.OLDEST_FIRST
    rows = [kline(T0 + HOUR), kline(T0)]
    with pytest.raises(MalformedPayload, match="do not ascend"):
        parse_klines(BTC, Span(T0, T0 + 2 * HOUR), rows, REST.page_slots)


def test_requests_reserve_the_weight_that_plans_reckon_with() -> None:
    assert (KLINES.weight, EXCHANGE_INFO.weight) == (REST.page_weight, REST.pairs_weight)
    assert 0 < REST.page_weight < REST.assumed_limit < REST.usual_limit


def test_the_adapter_and_the_facts_are_of_the_same_exchange() -> None:
    assert ADAPTER.facts is VENUE
