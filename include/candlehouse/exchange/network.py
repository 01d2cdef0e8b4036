"""Trusted certificates, proxy and user agent, the same for every client.

REST, published files, market capitalisation, the first contact and websockets use different
libraries, each with rules of its own; the rules here replace them.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from candlehouse.core.errors import ConfigurationError, RequestRejected
from candlehouse.core.urls import hide_user_info, show_refused_url

USER_AGENT = "candlehouse"
CONNECT_S = 10.0
MOST_REDIRECTS = 3

# Usual variables for a company's own certificates; only the named certificates are trusted.
_TRUST_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_TRUST_FOLDER = "SSL_CERT_DIR"
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


def make_ssl_context(environ: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """The TLS settings of every connection.

    SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE name the trusted
    certificates; without any of them those of the system and of the package certifi are trusted.

    Raises:
        ConfigurationError: when a variable names a file or folder without certificates.
    """
    environ = os.environ if environ is None else environ
    names = (*_TRUST_FILES, _TRUST_FOLDER)
    return _make_context(tuple((name, environ[name]) for name in names if environ.get(name)))


@cache
def _make_context(named: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    if not named:
        import certifi

        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, places in named:
        _trust(context, name, places)
    return context


def _trust(context: ssl.SSLContext, name: str, places: str) -> None:
    for place in places.split(os.pathsep) if name == _TRUST_FOLDER else [places]:
        try:
            if Path(place).is_dir():
                context.load_verify_locations(capath=place)
            else:
                context.load_verify_locations(cafile=place)
        # ssl.SSLError is an OSError.
        except OSError as error:
            raise ConfigurationError(
                f"{name}={place!r} is not allowed: a file of certificates in PEM format,"
                f" or a folder of them ({error.strerror or error})"
            ) from None


def choose_proxy(url: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The proxy for a URL, None for a direct connection.

    HTTPS_PROXY is for https and wss, HTTP_PROXY for http and ws, ALL_PROXY for both; NO_PROXY
    lists hosts that are reached directly. Loopback addresses never use a proxy.

    Raises:
        ConfigurationError: when the proxy is not an http or https URL.
    """
    environ = os.environ if environ is None else environ
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = {
        name.lower().removesuffix("_proxy"): (name, value)
        # Lower-case names take precedence, as is usual.
        for name, value in sorted(environ.items())
        if name.lower().endswith("_proxy") and value
    }
    exempt = {"no": proxies["no"][1]} if "no" in proxies else {}
    place = f"{host}:{parts.port}" if parts.port else host
    if is_loopback(host) or urllib.request.proxy_bypass_environment(place, exempt):  # type: ignore[attr-defined]
        return None
    found = proxies.get(_SCHEMES.get(parts.scheme, "")) or proxies.get("all")
    return None if found is None else _parse_proxy(*found)


def _parse_proxy(name: str, text: str) -> str:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or url.count("@") > 1:
        raise ConfigurationError(
            f"{name}={show_refused_url(text)!r} is not allowed: the URL of an http proxy, such as"
            " http://proxy:3128"
        )
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_redirect(origin: str, target: str, number: int) -> None:
    """Rejects a redirect that is not allowed.

    Args:
        origin: the requested URL.
        target: the URL of the redirect.
        number: of the redirect, from 1.

    Raises:
        RequestRejected: when there are too many redirects, or the target leaves TLS.
    """
    shown = f"{hide_user_info(origin)} sends to {hide_user_info(target)}"
    if number > MOST_REDIRECTS:
        raise RequestRejected(f"{shown}: more than {MOST_REDIRECTS} redirects")
    if urlsplit(origin).scheme == "https" and urlsplit(target).scheme != "https":
        raise RequestRejected(f"{shown}: never from https to http")
