"""Settings from the environment, read once and validated.

`candlehouse.variables` declares the variables, and `.env.example` explains them. Invalid values
stop start-up with one line that names each wrong variable, its value and what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from candlehouse.core.alerts import Thresholds
from candlehouse.core.planning.windows import Window
from candlehouse.core.timeframe import Timeframe

if TYPE_CHECKING:
    from candlehouse.variables import Variables

# Variables of URLs that may differ from the usual address, by attribute.
URL_VARIABLES = {
    "rest_url": "BINANCE_REST_URL",
    "stream_url": "BINANCE_STREAM_URL",
    "archive_url": "BINANCE_ARCHIVE_URL",
    "products_url": "BINANCE_PRODUCTS_URL",
    "coingecko_url": "COINGECKO_URL",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the environment. Times are aware UTC.

    Fields that hold a key, or a URL that may hold a password, are left out of the `repr`.

    Attributes:
        home: folder of the embedded server's, Airflow's and the logs' files.
        database_url: libpq or SQLAlchemy URL of the warehouse, None for the embedded server.
        timescaledb: whether the embedded server's warehouse uses TimescaleDB where installed.
        close_grace: how long after its close a candle may be missing without being overdue.
        stream_flush_s: longest time until a received message is written, in seconds.
        stream_run: duration of a stream task, after which it hands over to the next.
        retention_live: how long timeframes that are only streamed are kept, None for ever.
        archives: whether published files are used at all.
        symbols: replaces the ranked universe when not empty.
        weight_share: usable fraction of the exchange's weight limit, in (0, 1].
        alerts: thresholds of the alerts.
        notifier: dotted path of the class with which Airflow sends notifications, or empty.
        given: variables of URLs that differ from the usual address.
    """

    home: Path
    database_url: str | None = field(repr=False)
    timescaledb: bool
    exchange: str
    rest_url: str = field(repr=False)
    coingecko_url: str = field(repr=False)
    products_url: str = field(repr=False)
    archive_url: str = field(repr=False)
    archives: bool
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    coingecko_api_key: str = field(repr=False)
    market_cap_source: str
    collection_start: datetime
    close_grace: timedelta
    collection_schedule: str
    timeframes: tuple[Timeframe, ...]
    stream_url: str = field(repr=False)
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
        """Whether the environment sets a URL other than the usual one.

        Args:
            attribute: one of `URL_VARIABLES`.
        """
        return URL_VARIABLES[attribute] in self.given

    @property
    def kept_timeframes(self) -> tuple[Timeframe, ...]:
        """Every timeframe that is collected or streamed, without duplicates."""
        return tuple(dict.fromkeys((*self.timeframes, *self.stream_timeframes)))

    def usual_timeframes(self, window: Window) -> tuple[Timeframe, ...]:
        """Timeframes of a run that names none; in the GAPS window also streamed-only ones."""
        return self.kept_timeframes if window is Window.GAPS else self.timeframes

    @property
    def streamed_only(self) -> tuple[Timeframe, ...]:
        """Timeframes that are streamed without a collected history; retention applies to them."""
        return tuple(t for t in self.stream_timeframes if t not in self.timeframes)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and validates every variable.

    Args:
        environ: variables by name; None reads the environment of the process.

    Raises:
        ConfigurationError: naming every invalid variable.
    """
    from candlehouse.variables import read_variables

    variables = read_variables(os.environ if environ is None else environ)
    return Settings(
        home=variables.candlehouse_home.absolute(),
        database_url=variables.candlehouse_database_url.get_secret_value() or None,
        timescaledb=variables.candlehouse_timescaledb == "on",
        exchange=variables.exchange,
        rest_url=variables.binance_rest_url,
        coingecko_url=variables.coingecko_url,
        products_url=variables.binance_products_url,
        archive_url=variables.binance_archive_url,
        archives=variables.candlehouse_archives == "on",
        api_key=variables.binance_api_key.get_secret_value(),
        api_secret=variables.binance_api_secret.get_secret_value(),
        coingecko_api_key=variables.coingecko_api_key.get_secret_value(),
        market_cap_source=variables.market_cap_source,
        collection_start=variables.collection_start_date,
        close_grace=variables.close_grace,
        collection_schedule=variables.collection_schedule,
        timeframes=variables.timeframes,
        stream_url=variables.binance_stream_url,
        stream_timeframes=variables.stream_timeframes,
        stream_flush_s=variables.stream_flush_ms / 1000,
        stream_run=timedelta(hours=variables.stream_run_hours),
        retention_live=timedelta(days=variables.retention_days_live) or None,
        symbols=variables.symbols,
        quote_asset=variables.quote_asset,
        top_n=variables.top_n_cryptos,
        batch_size=variables.batch_size,
        max_retries=variables.max_retries,
        retry_delay_s=variables.retry_delay,
        weight_share=variables.request_weight_share,
        sim_options=variables.sim_options,
        airflow_port=variables.airflow_port,
        alerts=_find_thresholds(variables),
        notifier=variables.candlehouse_notifier,
        given=_find_given(variables),
    )


def _find_thresholds(variables: Variables) -> Thresholds:
    return Thresholds(
        completeness=variables.alert_completeness,
        freshness=variables.alert_freshness,
        error_rate=variables.alert_error_rate,
        weight=variables.alert_weight,
        corrections=variables.alert_corrections,
    )


def _find_given(variables: Variables) -> frozenset[str]:
    """Variables of URLs that do not have their defaults."""
    fields = type(variables).model_fields
    return frozenset(
        name
        for name in URL_VARIABLES.values()
        if getattr(variables, name.lower()) != fields[name.lower()].default
    )
