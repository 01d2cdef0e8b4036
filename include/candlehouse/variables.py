"""The variables of the environment: their names, defaults and bounds.

Importing pydantic takes a fifth of a second of a core, so this module is imported only where
settings are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.parsing import parse_duration, parse_symbol, parse_symbols
from candlehouse.core.timeframe import Timeframe, parse_timeframes
from candlehouse.core.urls import parse_base_url, show_refused_url

_CRON = r"^([\w*/,\-]+ +){4}[\w*/,\-]+$"
_DOTTED_PATH = r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)+)?$"


def _parse_date(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def _parse_timeframe_list(text: str) -> tuple[Timeframe, ...]:
    try:
        timeframes = parse_timeframes(part.strip() for part in text.split(",") if part.strip())
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    if not timeframes:
        raise ValueError("no timeframe is named")
    return timeframes


def _url_parser(*schemes: str) -> Callable[[str], str]:
    return lambda text: parse_base_url(text, schemes)


def _check_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]*", key.get_secret_value()):
        raise ValueError("a header cannot hold this key")
    return key


# A field's description states the allowed values; error messages and the reference quote it.
Key = Annotated[
    SecretStr, AfterValidator(_check_key), Field(description="printable ASCII without spaces")
]
Day = Annotated[
    datetime, BeforeValidator(_parse_date), Field(description="a date such as 2024-01-01")
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    Field(description="a number and s, m, h or d, such as 10m"),
]
Timeframes = Annotated[
    tuple[Timeframe, ...],
    BeforeValidator(_parse_timeframe_list),
    Field(description=f"a comma list of {', '.join(map(str, Timeframe))}"),
]
Symbols = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_symbols),
    Field(description="a comma list in capitals, such as BTCUSDT,ETHUSDT"),
]
Asset = Annotated[str, AfterValidator(parse_symbol), Field(description="an asset such as USDT")]
Cron = Annotated[str, Field(pattern=_CRON, description="a cron expression of five fields")]
DottedPath = Annotated[
    str, Field(pattern=_DOTTED_PATH, description="a dotted path such as package.module.Class")
]
_URL = "a URL that begins with {}:// or {}:// and has no query (@ in a password is written %40)"
HttpUrl = Annotated[
    str,
    AfterValidator(_url_parser("http", "https")),
    Field(description=_URL.format("http", "https")),
]
WebsocketUrl = Annotated[
    str, AfterValidator(_url_parser("ws", "wss")), Field(description=_URL.format("ws", "wss"))
]


def _default(text: str) -> Any:
    """The text that `.env.example` has; it is parsed like any other value."""
    return Field(text)


def _number(text: str, low: float, high: float) -> Any:
    """The default of a number and its inclusive bounds."""
    return Field(text, ge=low, le=high, description=f"a number from {low:,} to {high:,}")


class Variables(BaseSettings):
    """Every variable, parsed and validated. `.env.example` explains each variable.

    A field has the name of its variable in lower case. Names of variables are case-sensitive.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    collection_start_date: Day = _default("2024-01-01")
    timeframes: Timeframes = _default("5m,1h")
    stream_timeframes: Timeframes = _default("1m,5m,15m,1h")
    retention_days_live: int = _number("30", 0, 36_500)
    top_n_cryptos: int = _number("50", 1, 1000)
    symbols: Symbols = _default("")
    quote_asset: Asset = _default("USDT")
    close_grace: Duration = _default("10m")
    collection_schedule: Cron = _default("*/5 * * * *")
    stream_flush_ms: float = _number("20", 1, 10_000)
    stream_run_hours: float = _number("4", 0.01, 720)

    exchange: Literal["auto", "binance", "sim"] = _default("auto")
    binance_rest_url: HttpUrl = _default("https://api.binance.com")
    binance_stream_url: WebsocketUrl = _default("wss://stream.binance.com:9443")
    binance_archive_url: HttpUrl = _default("https://data.binance.vision")
    candlehouse_archives: Literal["on", "off"] = _default("on")
    binance_api_key: Key = _default("")
    binance_api_secret: Key = _default("")
    batch_size: int = _number("1000", 1, 1000)
    max_retries: int = _number("5", 1, 100)
    retry_delay: float = _number("1", 0, 60)
    request_weight_share: float = _number("0.95", 0.01, 1)
    sim_options: str = _default("")

    market_cap_source: Literal["coingecko", "binance", "volume"] = _default("coingecko")
    coingecko_url: HttpUrl = _default("https://api.coingecko.com")
    coingecko_api_key: Key = _default("")
    binance_products_url: HttpUrl = _default("https://www.binance.com")

    alert_completeness: float = _number("99.9", 0, 100)
    alert_freshness: Duration = _default("15m")
    alert_error_rate: float = _number("1", 0, 100)
    alert_weight: float = _number("98", 0, 100)
    alert_corrections: int = _number("1000", 0, 10**9)
    candlehouse_notifier: DottedPath = _default("")

    candlehouse_home: Path = _default("var")
    candlehouse_database_url: SecretStr = _default("")
    candlehouse_timescaledb: Literal["on", "off"] = _default("on")
    airflow_port: int = _number("8080", 1, 65535)


class _Environment(PydanticBaseSettingsSource):
    """Reads variables from a mapping like `os.environ`; a blank variable counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Variables)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str, str, bool]:
        """A variable's text without the blanks around it, the field's name, and that it is text."""
        return self._environ.get(field_name.upper(), "").strip(), field_name, False

    def __call__(self) -> dict[str, str]:
        """The texts of the variables that are set, by the names of fields."""
        texts = {
            name: self.get_field_value(field, name)[0]
            for name, field in Variables.model_fields.items()
        }
        return {name: text for name, text in texts.items() if text}


def read_variables(environ: Mapping[str, str]) -> Variables:
    """Parses and validates every variable.

    Raises:
        ConfigurationError: naming each invalid variable, its value unless that is a secret, and
            what is allowed.
    """
    try:
        return Variables(_build_sources=((_Environment(environ),), {}))
    except ValidationError as error:
        wrong = [(str(one["loc"][0]), str(one["input"])) for one in error.errors()]
    raise ConfigurationError("; ".join(_complain(name, text) for name, text in wrong))


def say_allowed(field: FieldInfo) -> str:
    """The allowed values of a variable, in words."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    return field.description or "any text"


def _complain(name: str, text: str) -> str:
    field = Variables.model_fields[name]
    shown = show_refused_url(text) if name.endswith("_url") else text
    value = "" if field.annotation is SecretStr else f"={shown!r}"
    return f"{name.upper()}{value} is not allowed: {say_allowed(field)}"
