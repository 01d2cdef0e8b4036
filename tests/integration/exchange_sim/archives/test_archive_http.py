"""Archive files in parts, by condition, and picked up again after a cut."""

import hashlib
import http.client
from typing import Any

import pytest

PATH = "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-06.zip"


@pytest.fixture
def whole(get: Any) -> bytes:
    return bytes(get(PATH).body)


def test_a_file_and_its_checksum_say_what_they_are(get: Any) -> None:
    for path in (PATH, PATH + ".CHECKSUM"):
        reply = get(path)
        digest = hashlib.md5(reply.body, usedforsecurity=False).hexdigest()
        assert reply.headers["etag"] == f'"{digest}"'
        assert reply.headers["accept-ranges"] == "bytes"
        assert reply.headers["content-length"] == str(len(reply.body))
        assert reply.headers["last-modified"] == "Wed, 07 Jan 2026 05:00:00 GMT"
        assert get(path).headers["etag"] == reply.headers["etag"]


def test_a_part_comes_with_its_place(get: Any, whole: bytes) -> None:
    for asked, part in (("5-", whole[5:]), ("5-8", whole[5:9]), ("-99", whole[-99:])):
        reply = get(PATH, headers={"Range": f"bytes={asked}"})
        assert (reply.status, reply.body) == (206, part)
        first = whole.index(part)
        place = f"bytes {first}-{first + len(part) - 1}/{len(whole)}"
        assert reply.headers["content-range"] == place


def test_a_part_behind_the_end_is_416_and_nonsense_is_ignored(get: Any, whole: bytes) -> None:
    reply = get(PATH, headers={"Range": f"bytes={len(whole)}-"})
    assert reply.status == 416
    assert reply.headers["content-range"] == f"bytes */{len(whole)}"
    for nonsense in ("bytes=9-5", "bytes=x-", "bytes=0-1,3-4"):
        reply = get(PATH, headers={"Range": nonsense})
        assert (reply.status, reply.body) == (200, whole)


def test_conditions_go_by_the_etag(get: Any, whole: bytes) -> None:
    etag = get(PATH).headers["etag"]
    same = get(PATH, headers={"Range": "bytes=5-", "If-Range": etag})
    assert (same.status, same.body) == (206, whole[5:])
    other = get(PATH, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (other.status, other.body) == (200, whole)
    known = get(PATH, headers={"If-None-Match": etag})
    assert (known.status, known.body, known.headers["etag"]) == (304, b"", etag)
    assert get(PATH, headers={"If-None-Match": '"other"'}).body == whole


def test_head_says_everything_and_sends_nothing(exchange: Any, whole: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=10)
    for asked, status, length in (({}, 200, len(whole)), ({"Range": "bytes=5-7"}, 206, 3)):
        # One connection: bytes that came unasked would spoil the second reply.
        connection.request("HEAD", PATH, headers=asked)
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Content-Length"]) == (status, str(length))
        assert reply.read() == b""
    connection.close()


def cut_get(port: int, headers: dict[str, str]) -> tuple[int, int, bytes]:
    """Return status, promised length, and the bytes that came before the connection ended."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", PATH, headers=headers)
    reply = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as cut:
        reply.read()
    connection.close()
    return reply.status, int(reply.headers["Content-Length"]), cut.value.partial


def test_a_download_that_was_cut_twice_is_completed(exchange: Any, get: Any, whole: bytes) -> None:
    exchange.set_faults({"kind": "cut", "count": 2})
    status, promised, got = cut_get(exchange.port, {})
    assert (status, promised, got) == (200, len(whole), whole[: len(whole) // 2])
    status, promised, more = cut_get(exchange.port, {"Range": f"bytes={len(got)}-"})
    rest = len(whole) - len(got)
    assert (status, promised, len(more)) == (206, rest, rest // 2)
    got += more
    reply = get(PATH, headers={"Range": f"bytes={len(got)}-"})
    assert got + reply.body == whole
