"""Settings from the environment, read once and checked as they are read.

Every variable is documented in `.env.example`; a bad value stops start-up with one
line that names the variable, the value and what is allowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from candlehouse.core.alerts import Thresholds
from candlehouse.core.errors import ConfigurationError
from candlehouse.core.planning.windows import Window
from candlehouse.core.timeframe import Timeframe, parse_timeframes
from candlehouse.variables import Variables

_YEARS = range(1970, 2200)
_SYMBOL = re.compile(r"[\w.-]{1,50}")
_DURATION = re.compile(r"(\d+)([smhd])")
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

# Variables of URLs that may name something else than the usual address, by attribute.
URL_VARIABLES = {
    "rest_url": "BINANCE_REST_URL",
    "stream_url": "BINANCE_STREAM_URL",
    "archive_url": "BINANCE_ARCHIVE_URL",
    "products_url": "BINANCE_PRODUCTS_URL",
    "coingecko_url": "COINGECKO_URL",
}
# What complaints about a bad moment show.
MOMENT_EXAMPLE = "2024-01-31T12:00, in the years 1970 to 2199"


def parse_moment(text: str) -> datetime:
    """An ISO date or date-time as an aware UTC moment; UTC unless it says otherwise.

    Raises:
        ValueError: when it is neither, or lies outside the years 1970 to 2199.
    """
    moment = datetime.fromisoformat(text)
    # Candles have no other years, and moments at the ends of the calendar cannot be rounded.
    if moment.year not in _YEARS:
        raise ValueError(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """A whole number with a unit (s, m, h, d): `10m` is ten minutes.

    Raises:
        ValueError: for anything else.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})


def parse_symbols(text: str) -> tuple[str, ...]:
    """Distinct symbols of a comma list, in its order; the empty text has none.

    Raises:
        ValueError: when one could not be a symbol (lower case, a slash); the text says which
            and why.
    """
    return tuple(dict.fromkeys(_parse_symbol(part) for part in text.split(",") if part.strip()))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides. Times are aware UTC.

    Attributes:
        home: where the embedded server, Airflow and logs keep their files.
        database_url: libpq or SQLAlchemy URL of the warehouse, None for the embedded server.
        timescaledb: whether the embedded server's warehouse uses TimescaleDB where it can.
        close_grace: how long after its close a candle may be missing unremarked.
        stream_flush_s: the longest that what a stream brought waits to be written.
        stream_run: after it a stream task hands over to the next.
        retention_live: how long timeframes that are only streamed are kept, None for ever.
        archives: whether published files are used at all.
        symbols: replaces the ranked universe when not empty.
        weight_share: the part of the exchange's weight limit that may be used, in (0, 1].
        alerts: what is wrong enough to be told.
        notifier: dotted path of the class that Airflow tells of alerts with, or empty.
        given: variables of URLs that name something else than the usual address.
    """

    home: Path
    database_url: str | None
    timescaledb: bool
    exchange: str
    rest_url: str
    coingecko_url: str
    products_url: str
    archive_url: str
    archives: bool
    api_key: str
    api_secret: str
    coingecko_api_key: str
    market_cap_source: str
    collection_start: datetime
    close_grace: timedelta
    collection_schedule: str
    timeframes: tuple[Timeframe, ...]
    stream_url: str
    stream_timeframes: tuple[Timeframe, ...]
    stream_flush_s: float
    stream_run: timedelta
    retention_live: timedelta | None
    symbols: tuple[str, ...]
    quote_asset: str
    top_n: int
    batch_size: int
    max_retries: int
    retry_delay_s: float
    weight_share: float
    sim_options: str
    airflow_port: int
    alerts: Thresholds
    notifier: str
    given: frozenset[str] = frozenset()

    def is_given(self, attribute: str) -> bool:
        """Whether the environment names another URL than the usual one.

        Args:
            attribute: one of `URL_VARIABLES`.
        """
        return URL_VARIABLES[attribute] in self.given

    @property
    def kept_timeframes(self) -> tuple[Timeframe, ...]:
        """Every timeframe that is collected in some way, each once."""
        return tuple(dict.fromkeys((*self.timeframes, *self.stream_timeframes)))

    def usual_timeframes(self, window: Window) -> tuple[Timeframe, ...]:
        """Timeframes of a run that names none: gaps are filled in what is only streamed, too."""
        return self.kept_timeframes if window is Window.GAPS else self.timeframes

    @property
    def streamed_only(self) -> tuple[Timeframe, ...]:
        """Timeframes whose history begins with the first stream and moves on."""
        return tuple(t for t in self.stream_timeframes if t not in self.timeframes)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks every variable.

    Raises:
        ConfigurationError: for the first bad one.
    """
    env = Variables(os.environ if environ is None else environ)
    return Settings(
        home=Path(env.text("CANDLEHOUSE_HOME", "var")).absolute(),
        database_url=env.text("CANDLEHOUSE_DATABASE_URL", "") or None,
        timescaledb=env.choice("CANDLEHOUSE_TIMESCALEDB", "on", ("on", "off")) == "on",
        exchange=env.choice("EXCHANGE", "auto", ("auto", "binance", "sim")),
        rest_url=env.url("BINANCE_REST_URL", "https://api.binance.com"),
        coingecko_url=env.url("COINGECKO_URL", "https://api.coingecko.com"),
        products_url=env.url("BINANCE_PRODUCTS_URL", "https://www.binance.com"),
        archive_url=env.url("BINANCE_ARCHIVE_URL", "https://data.binance.vision"),
        archives=env.choice("CANDLEHOUSE_ARCHIVES", "on", ("on", "off")) == "on",
        api_key=env.secret("BINANCE_API_KEY", ""),
        api_secret=env.secret("BINANCE_API_SECRET", ""),
        coingecko_api_key=env.secret("COINGECKO_API_KEY", ""),
        market_cap_source=env.choice(
            "MARKET_CAP_SOURCE", "coingecko", ("coingecko", "binance", "volume")
        ),
        collection_start=env.parsed(
            "COLLECTION_START_DATE", "2024-01-01", _parse_date, "a date such as 2024-01-01"
        ),
        close_grace=env.parsed(
            "CLOSE_GRACE", "10m", parse_duration, "a number and s, m, h or d, such as 10m"
        ),
        collection_schedule=env.parsed(
            "COLLECTION_SCHEDULE", "*/5 * * * *", _parse_cron, "a cron expression of five fields"
        ),
        timeframes=env.parsed(
            "TIMEFRAMES",
            "5m,1h",
            _parse_timeframe_list,
            "a comma list of 1m, 5m, 15m, 30m, 1h, 4h, 1d",
        ),
        stream_url=env.url("BINANCE_STREAM_URL", "wss://stream.binance.com:9443", ("ws", "wss")),
        stream_timeframes=env.parsed(
            "STREAM_TIMEFRAMES",
            "1m,5m,15m,1h",
            _parse_timeframe_list,
            "a comma list of 1m, 5m, 15m, 30m, 1h, 4h, 1d",
        ),
        stream_flush_s=env.number("STREAM_FLUSH_MS", "20", float, 1, 10_000) / 1000,
        stream_run=timedelta(hours=env.number("STREAM_RUN_HOURS", "4", float, 0.01, 720)),
        retention_live=_parse_retention(env.number("RETENTION_DAYS_LIVE", "30", int, 0, 36_500)),
        symbols=env.parsed(
            "SYMBOLS", "", parse_symbols, "a comma list in capitals, such as BTCUSDT,ETHUSDT"
        ),
        quote_asset=env.parsed("QUOTE_ASSET", "USDT", _parse_symbol, "an asset such as USDT"),
        top_n=env.number("TOP_N_CRYPTOS", "50", int, 1, 1000),
        batch_size=env.number("BATCH_SIZE", "1000", int, 1, 1000),
        max_retries=env.number("MAX_RETRIES", "5", int, 1, 100),
        retry_delay_s=env.number("RETRY_DELAY", "1", float, 0, 60),
        weight_share=env.number("REQUEST_WEIGHT_SHARE", "0.95", float, 0.01, 1),
        sim_options=env.text("SIM_OPTIONS", ""),
        airflow_port=env.number("AIRFLOW_PORT", "8080", int, 1, 65535),
        alerts=_load_thresholds(env),
        notifier=env.parsed(
            "CANDLEHOUSE_NOTIFIER", "", _parse_path, "a dotted path such as package.module.Class"
        ),
        given=frozenset(env.given),
    )


def _load_thresholds(env: Variables) -> Thresholds:
    return Thresholds(
        completeness=env.number("ALERT_COMPLETENESS", "99.9", float, 0, 100),
        freshness=env.parsed(
            "ALERT_FRESHNESS", "15m", parse_duration, "a number and s, m, h or d, such as 15m"
        ),
        error_rate=env.number("ALERT_ERROR_RATE", "1", float, 0, 100),
        weight=env.number("ALERT_WEIGHT", "98", float, 0, 100),
        corrections=env.number("ALERT_CORRECTIONS", "1000", int, 0, 10**9),
    )


def _parse_path(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", text):
        raise ValueError(text)
    return text


def _parse_symbol(text: str) -> str:
    symbol = text.strip()
    # The exchange's own legal range: word characters, no lower case, at most 50.
    if not _SYMBOL.fullmatch(symbol):
        raise ValueError(f"{symbol!r} is not a symbol such as BTCUSDT")
    if symbol != symbol.upper():
        raise ValueError(
            f"{symbol!r} is not a symbol: they are written in capitals, {symbol.upper()}"
        )
    return symbol


def _parse_timeframe_list(text: str) -> tuple[Timeframe, ...]:
    try:
        timeframes = parse_timeframes(part.strip() for part in text.split(",") if part.strip())
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    if not timeframes:
        raise ValueError(text)
    return timeframes


def _parse_retention(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None


def _parse_date(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def _parse_cron(text: str) -> str:
    if not re.fullmatch(r"([\w*/,\-]+ +){4}[\w*/,\-]+", text):
        raise ValueError(text)
    return text
