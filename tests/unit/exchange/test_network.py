from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from candlehouse.core.errors import ConfigurationError, RequestRejected
from candlehouse.exchange.network import choose_proxy, make_ssl_context, refuse_redirect

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://h", {}, None),
        ("https://h", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://h", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ("wss://h:9443", {"HTTPS_PROXY": PROXY}, PROXY),
        ("http://h", {"HTTP_PROXY": PROXY}, PROXY),
        ("ws://h", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://h", {"HTTPS_PROXY": PROXY}, None),
        ("https://h", {"HTTP_PROXY": PROXY}, None),
        ("https://h", {"ALL_PROXY": PROXY}, PROXY),
        ("wss://h", {"ALL_PROXY": "http://a", "HTTPS_PROXY": PROXY}, PROXY),
        ("https://h", {"HTTPS_PROXY": "u:p%40@proxy:3128"}, "http://u:p%40@proxy:3128"),
        ("https://h", {"HTTPS_PROXY": ""}, None),
        ("https://api.h.com", {"ALL_PROXY": PROXY, "NO_PROXY": "x,.h.com"}, None),
        ("https://h.com", {"ALL_PROXY": PROXY, "no_proxy": "h.com"}, None),
        ("https://h:8443", {"ALL_PROXY": PROXY, "NO_PROXY": "h:443"}, PROXY),
        ("https://h:8443", {"ALL_PROXY": PROXY, "NO_PROXY": "h:8443"}, None),
        ("https://h", {"ALL_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("http://127.0.0.1:80", {"ALL_PROXY": PROXY}, None),
        ("http://127.1.2.3", {"ALL_PROXY": PROXY}, None),
        ("ws://[::1]:80", {"ALL_PROXY": PROXY}, None),
        ("https://localhost", {"ALL_PROXY": PROXY}, None),
        ("https://localhost.com", {"ALL_PROXY": PROXY}, PROXY),
    ],
)
def test_proxy_is_what_the_environment_says_and_never_for_this_machine(
    url: str, environ: dict[str, str], expected: str | None
) -> None:
    assert choose_proxy(url, environ) == expected


@pytest.mark.parametrize(
    "text", ["socks5://u:geheim@proxy", "http://", "http://u:geh@eim@proxy", "http://u:geheim@p:x"]
)
def test_proxy_that_is_none_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^ALL_PROXY=.* an http proxy") as refused:
        choose_proxy("https://h", {"ALL_PROXY": text})
    assert "geh" not in str(refused.value)
    assert "eim" not in str(refused.value)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_none_are_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    for place in (tmp_path / "missing", tmp_path / "text"):
        with pytest.raises(ConfigurationError, match=f"^{name}='.*' is not allowed"):
            make_ssl_context({name: str(place)})


def test_without_a_word_of_the_environment_well_known_certificates_are_trusted() -> None:
    context = make_ssl_context({})
    assert context.cert_store_stats()["x509_ca"] > 50
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_redirects_are_few_and_never_leave_tls() -> None:
    refuse_redirect("https://a/x", "https://b/y", 3)
    refuse_redirect("http://a", "https://a", 1)
    for origin, target, number in [
        ("https://u:geheim@a", "http://a", 1),
        ("https://a", "https://b", 4),
    ]:
        with pytest.raises(RequestRejected, match="https://a sends to") as refused:
            refuse_redirect(origin, target, number)
        assert "geheim" not in str(refused.value)
