"""How settings are read from variables, and what they know of the environment."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from annotated_types import Ge, Le

from candlehouse.core.errors import ConfigurationError
from candlehouse.settings import URL_VARIABLES, load_settings
from candlehouse.variables import Variables, read_variables
from support.places import INCLUDE

USUAL = load_settings({})
SECRETS = {
    "BINANCE_API_KEY": "geheim1",
    "BINANCE_API_SECRET": "geheim2",
    "COINGECKO_API_KEY": "geheim3",
    "CANDLEHOUSE_DATABASE_URL": "postgresql://me:geheim4@h/d",
    "BINANCE_REST_URL": "https://me:geheim5@h",
}
# The smallest and the largest value that each variable of a number may have.
BOUNDS = {
    name.upper(): (
        next(bound.ge for bound in field.metadata if isinstance(bound, Ge)),
        next(bound.le for bound in field.metadata if isinstance(bound, Le)),
        field.annotation,
    )
    for name, field in Variables.model_fields.items()
    if field.annotation in (int, float)
}


@pytest.mark.parametrize("attribute", URL_VARIABLES)
def test_a_url_is_given_where_it_is_not_the_usual_one(attribute: str) -> None:
    scheme = "ws" if attribute == "stream_url" else "http"
    chosen = load_settings({URL_VARIABLES[attribute]: f"{scheme}://127.0.0.1:7001"})
    assert [name for name in URL_VARIABLES if chosen.is_given(name)] == [attribute]


def test_a_variable_that_says_the_usual_url_gives_none() -> None:
    said = {variable: getattr(USUAL, name) + "/" for name, variable in URL_VARIABLES.items()}
    assert load_settings(said) == USUAL
    assert not any(USUAL.is_given(name) for name in URL_VARIABLES)


def test_several_wrong_variables_are_told_together_in_one_line() -> None:
    wrong = {"TOP_N_CRYPTOS": "0", "EXCHANGE": "nyse", "CLOSE_GRACE": "soon", "SYMBOLS": "btc/usdt"}
    with pytest.raises(ConfigurationError) as refused:
        load_settings(wrong)
    assert str(refused.value).split("; ") == [
        "TOP_N_CRYPTOS='0' is not allowed: a number from 1 to 1,000",
        "SYMBOLS='btc/usdt' is not allowed: a comma list in capitals, such as BTCUSDT,ETHUSDT",
        "CLOSE_GRACE='soon' is not allowed: a number and s, m, h or d, such as 10m",
        "EXCHANGE='nyse' is not allowed: auto, binance, sim",
    ]


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_may_be_its_bounds_and_nothing_beyond_them(name: str) -> None:
    low, high, kind = BOUNDS[name]
    for allowed in (low, high):
        read_variables({name: str(allowed)})
    outside = (
        [low - 1, high + 1] if kind is int else [math.nextafter(low, -1), math.nextafter(high, 2e9)]
    )
    for refused in [*outside, "nan", "inf", "many"]:
        with pytest.raises(ConfigurationError, match=f"^{name}='{refused}' is not allowed: a numb"):
            load_settings({name: str(refused)})


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("COLLECTION_START_DATE", "2024-02-30"),
        ("COLLECTION_SCHEDULE", "* * * *"),
        ("COLLECTION_SCHEDULE", "* * * * *; x"),
        ("TIMEFRAMES", "5m,7m"),
        ("STREAM_TIMEFRAMES", ","),
        ("QUOTE_ASSET", "usdt"),
        ("CANDLEHOUSE_ARCHIVES", "yes"),
        ("CANDLEHOUSE_NOTIFIER", "Class"),
    ],
)
def test_a_wrong_text_is_refused_by_name(name: str, refused: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}='.*' is not allowed: ") as told:
        load_settings({name: refused})
    assert repr(refused) in str(told.value)


def test_a_blank_variable_counts_as_not_set_and_blanks_around_a_value_are_dropped() -> None:
    assert load_settings(dict.fromkeys(map(str.upper, Variables.model_fields), " ")) == USUAL
    assert load_settings({"EXCHANGE": " sim ", "TIMEFRAMES": " 1h, 5m ,1h "}) == load_settings(
        {"EXCHANGE": "sim", "TIMEFRAMES": "1h,5m"}
    )


def test_only_the_given_variables_count_and_their_case_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOP_N_CRYPTOS", "7")
    (tmp_path / ".env").write_text("BATCH_SIZE=7\n")
    assert load_settings({"symbols": "BTCUSDT", "CANDLEHOUSE_HOME": str(USUAL.home)}) == USUAL
    assert load_settings().top_n == 7


def test_no_secret_is_shown_of_settings_or_variables() -> None:
    assert "geheim" not in repr(load_settings(SECRETS))
    keys = {name: value for name, value in SECRETS.items() if not name.endswith("REST_URL")}
    assert "geheim" not in repr(read_variables(keys))


def test_no_secret_is_shown_beside_a_variable_that_is_wrong() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings({**SECRETS, "COINGECKO_API_KEY": "geheim 6", "TOP_N_CRYPTOS": "0"})
    assert "geheim" not in str(refused.value)
    # The library's own error holds the values.
    assert refused.value.__context__ is None


def test_importing_settings_and_the_command_line_does_not_import_pydantic() -> None:
    code = "import sys, candlehouse.cli, candlehouse.settings; print('pydantic' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(INCLUDE)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == "False"
