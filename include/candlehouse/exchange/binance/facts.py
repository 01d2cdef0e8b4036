"""Properties of Binance, from its documentation and from years of its data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from candlehouse.core.importing.file_names import NameFacts
from candlehouse.core.planning.published_files import ArchiveFacts
from candlehouse.core.planning.rest_facts import RestFacts
from candlehouse.core.timeframe import Timeframe
from candlehouse.core.universe.eligibility import PairFacts
from candlehouse.core.venue import CandleFacts, RowOrder, StreamFacts, Venue

CANDLES = CandleFacts(
    timeframes=frozenset(Timeframe),
    order=RowOrder.OLDEST_FIRST,
    history=None,
    rows_say_closed=False,
    messages_say_closed=True,
    # While a pair trades; during an outage there are no rows.
    has_empty_candles=True,
    columns=frozenset(
        (
            "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
            "trades", "taker_buy_volume", "taker_buy_quote_volume",
        )
    ),
)  # fmt: skip

# Weights as Binance's Spot API documentation gives them (rest-api.md, July 2026).
REST = RestFacts(
    page_slots=1000,
    page_weight=2,
    pairs_weight=20,
    usual_limit=6000,
    # A fifth of the usual limit.
    assumed_limit=1200,
    ping_path="/api/v3/ping",
)

STREAMS = StreamFacts(attempts=300, window_s=300.0)

# Files appear hours after their day and on the first Monday after their month, both at times
# later (the archive's own README); files were replaced weeks after their publication.
ARCHIVE = ArchiveFacts(
    layout="data/spot/{tree}/klines/{symbol}/{timeframe}/{stem}.zip",
    first_month=datetime(2017, 7, 1, tzinfo=UTC),
    daily_delay=timedelta(hours=6),
    monthly_weekday=0,
    monthly_delay=timedelta(hours=6),
    settled_after=timedelta(days=60),
)

PAIRS = PairFacts(
    spot="SPOT",
    leveraged="LEVERAGED",
    leveraged_suffixes=("UP", "DOWN", "BULL", "BEAR"),
    stock_tag="bstocks",
)

FILE_NAMES = NameFacts(
    prefix="Binance_",
    quote_assets=(
        "USDT USDC FDUSD BUSD TUSD USDP USDS PAX USD1 DAI UST VAI EURI AEUR BTC ETH BNB XRP TRX "
        "DOGE DOT SOL EUR GBP AUD TRY BRL RUB UAH NGN ZAR PLN RON ARS JPY MXN COP CZK IDR IDRT "
        "BIDR BKRW BVND"
    ),
)

VENUE = Venue(
    name="binance",
    title="Binance",
    candles=CANDLES,
    rest=REST,
    streams=STREAMS,
    archive=ARCHIVE,
    pairs=PAIRS,
    file_names=FILE_NAMES,
)
