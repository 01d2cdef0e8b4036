"""Base URLs from settings: what is allowed, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")


def parse_base_url(text: str, schemes: Collection[str]) -> str:
    """A URL that paths are put behind, without a slash at its end.

    Raises:
        ValueError: when it is no such URL: another scheme, no host, a query, a second @.
    """
    parts = urlsplit(text)
    # Reading the port checks it.
    has_place = bool(parts.hostname) and parts.port != 0
    if parts.scheme not in schemes or not has_place or text.count("@") > 1:
        raise ValueError
    if re.search(r"[\s?#\\]", text) or "@" in parts.path:
        raise ValueError
    return text.rstrip("/")


def hide_user_info(text: str) -> str:
    """A URL, or a text with URLs in it, without names and passwords in front of hosts."""
    return _USER_INFO.sub("", text)


def show_refused_url(text: str) -> str:
    """What may be shown of a text that is no URL: nothing that could be a password or a key."""
    shown = re.split(r"[?#]", text.rpartition("@")[2])[0]
    return f"***@{shown}" if "@" in text else shown
