from __future__ import annotations

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.core.urls import hide_user_info, parse_base_url, show_refused_url
from candlehouse.settings import load_settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.binance.com", "https://api.binance.com"),
        ("https://h:8443/below/", "https://h:8443/below"),
        ("https://u:p%40w@h", "https://u:p%40w@h"),
        ("https://[::1]:80", "https://[::1]:80"),
    ],
)
def test_base_of_urls_is_taken_without_its_last_slash(text: str, expected: str) -> None:
    assert parse_base_url(text, ("http", "https")) == expected


MALFORMED = [
    "ftp://u:geheim@h", "https://", "https://u:geheim@", "https://u:geh@eim@h", "u:geheim@h",
    "https://u:geh/eim@h", "https://u:geh#eim@h", "https://u:geh?eim@h", "https://u:geh eim@h",
    "https://u:geheim@h:x", "https://u:geheim@h:99999", "https://h?key=geheim", "https:u:geheim@h",
    "https://h#geheim", "https://u:geheim@[::1",
]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED)
@pytest.mark.parametrize(
    "name",
    ["BINANCE_REST_URL", "BINANCE_STREAM_URL", "BINANCE_ARCHIVE_URL", "COINGECKO_URL",
     "BINANCE_PRODUCTS_URL"],
)  # fmt: skip
def test_bad_url_is_refused_by_name_without_any_part_of_a_password(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}=.* is not allowed: a ") as refused:
        load_settings({name: text})
    assert "geh" not in str(refused.value)
    assert "eim" not in str(refused.value)


@pytest.mark.parametrize("name", ["BINANCE_API_KEY", "BINANCE_API_SECRET", "COINGECKO_API_KEY"])
@pytest.mark.parametrize("value", ["geheim\nx: y", "geheim teil", "geheimä"])
def test_bad_key_is_refused_by_name_without_being_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} is not allowed") as refused:
        load_settings({name: value})
    assert "geheim" not in str(refused.value)


def test_what_is_shown_of_urls_has_no_user_info() -> None:
    text = "Cannot connect to https://u:geheim@h:1/x?y=a@b, url='http://geheim@proxy:3128'"
    assert hide_user_info(text) == (
        "Cannot connect to https://h:1/x?y=a@b, url='http://proxy:3128'"
    )
    assert show_refused_url("htps://api.binance.com") == "htps://api.binance.com"
