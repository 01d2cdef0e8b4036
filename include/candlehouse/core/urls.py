"""Base URLs from settings: which are allowed, and how they are shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")


def parse_base_url(text: str, schemes: Collection[str]) -> str:
    """Checks a base URL, to which paths are appended, and removes trailing slashes.

    Args:
        text: the URL.
        schemes: allowed schemes, in lower case.

    Raises:
        ValueError: for another scheme, no host, port 0, a query, a fragment or a second @.
    """
    parts = urlsplit(text)
    # Reading the port raises ValueError for an invalid port.
    has_place = bool(parts.hostname) and parts.port != 0
    if parts.scheme not in schemes or not has_place or text.count("@") > 1:
        raise ValueError
    if re.search(r"[\s?#\\]", text) or "@" in parts.path:
        raise ValueError
    return text.rstrip("/")


def hide_user_info(text: str) -> str:
    """The text with names and passwords removed from all URLs in it."""
    return _USER_INFO.sub("", text)


def show_refused_url(text: str) -> str:
    """What may be logged of an invalid URL: nothing that could be a password or a key."""
    shown = re.split(r"[?#]", text.rpartition("@")[2])[0]
    return f"***@{shown}" if "@" in text else shown
