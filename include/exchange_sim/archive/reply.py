"""A stored body over HTTP as S3 gives it: whole, in part, or not at all if it is known."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web

from exchange_sim.archive_files.sums import Sums

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_INVALID_RANGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidRange</Code>'
    "<Message>The requested range is not satisfiable</Message></Error>"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A body that lies ready.

    Attributes:
        sums: its size and sums.
        modified_ms: when it was published.
        content_type: of its header.
        read: returns its bytes; not called where no byte of it is sent.
    """

    sums: Sums
    modified_ms: int
    content_type: str
    read: Callable[[], bytes]


def stored_reply(request: web.Request, stored: Stored) -> web.Response:
    """Answer GET or HEAD: 200, 206 for a range, 304 for what the client has, or 416."""
    asked, etag, size = request.headers, stored.sums.etag, stored.sums.size
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Last-Modified": formatdate(stored.modified_ms / 1000, usegmt=True),
    }
    if has_tag(asked.get("If-None-Match", ""), etag):
        return web.Response(status=304, headers=headers)
    # A date in If-Range is never enough: a file and the one that replaces it may share theirs.
    wants_part = "Range" in asked and asked.get("If-Range", etag) == etag
    part = part_of(asked["Range"], size) if wants_part else None
    if part is not None and not part:
        headers["Content-Range"] = f"bytes */{size}"
        return web.Response(
            status=416, text=_INVALID_RANGE, headers=headers, content_type="application/xml"
        )
    status = 200
    if part is not None:
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    headers["Content-Type"] = stored.content_type
    if request.method == "HEAD":
        headers["Content-Length"] = str(size if part is None else len(part))
        return web.Response(status=status, headers=headers)
    body = stored.read()
    return web.Response(
        status=status,
        body=body if part is None else body[part.start : part.stop],
        headers=headers,
    )


def has_tag(condition: str, etag: str) -> bool:
    """Return whether an If-None-Match names an ETag; a weak one counts as the same."""
    names = [name.strip().removeprefix("W/") for name in condition.split(",")]
    return etag in names or "*" in names


def part_of(condition: str, size: int) -> range | None:
    """Return the bytes that a Range asks for.

    Args:
        condition: the header's value. ``bytes=N-``, ``bytes=N-M`` and ``bytes=-LAST`` are
            known; anything else, several ranges too, asks for the whole.
        size: of the whole body.

    Returns:
        None for the whole body, an empty range if the body ends before the part begins.
    """
    found = _RANGE.fullmatch(condition.strip())
    if found is None or condition.strip() == "bytes=-":
        return None
    if not found[1]:
        return range(max(0, size - int(found[2])), size)
    first = int(found[1])
    last = int(found[2]) if found[2] else max(first, size - 1)
    if last < first:
        return None
    return range(first, min(last + 1, size)) if first < size else range(0)
