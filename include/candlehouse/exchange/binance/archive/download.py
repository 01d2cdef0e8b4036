"""Downloads one file over HTTP, and resumes after a broken connection."""

from __future__ import annotations

from functools import partial

import aiohttp

from candlehouse.core.errors import (
    ExchangeUnavailable,
    FileMissing,
    MalformedPayload,
)
from candlehouse.core.retries import Retries
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.http.refusals import classify_refusal
from candlehouse.exchange.binance.http.transport import require_identity
from candlehouse.exchange.failures import Answer
from candlehouse.retrying import policy_of

_PIECE = 1 << 16
_NOT_FOUND, _NO_SUCH_RANGE = 404, 416
# Bytes of an error response that are read for its reason.
_MOST_WORDS = 4096
# Uncompressed, because byte ranges do not apply to a compressed body.
_AS_IT_IS = {"Accept-Encoding": "identity"}


class Downloader:
    """Downloads whole files; for one event loop.

    Args:
        session: the connections.
        retries: policy for failures that may pass.
        identity: the exchange that must answer; None accepts any.
    """

    def __init__(
        self, session: aiohttp.ClientSession, retries: Retries, identity: str | None
    ) -> None:
        self._session = session
        self._retries = retries
        self._identity = identity

    async def get(self, url: str, most_bytes: int) -> bytes:
        """The bytes of a file.

        Args:
            url: of the file.
            most_bytes: a larger file is rejected.

        Raises:
            FileMissing: when the file does not exist.
            ExchangeUnavailable, MalformedPayload, RateLimited: after the last attempt.
            RequestRejected: when the archive refuses it.
            WrongExchange: when another exchange answers.
        """
        attempt = partial(self._attempt, url, most_bytes, _Part())
        return await policy_of(self._retries).call_async(attempt, self._retries.sleep)

    async def _attempt(self, url: str, most_bytes: int, part: _Part) -> bytes:
        where = hide_user_info(url)
        try:
            async with self._session.get(url, headers={**_AS_IT_IS, **part.headers}) as response:
                await self._check(where, response)
                part.begin(response)
                async for piece in response.content.iter_chunked(_PIECE):
                    part.received += piece
                    if len(part.received) > most_bytes:
                        raise MalformedPayload(f"{where}: larger than {most_bytes} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = hide_user_info(f"{where}: {type(error).__name__}: {error}")
            raise ExchangeUnavailable(reason) from error
        return bytes(part.received)

    async def _check(self, where: str, response: aiohttp.ClientResponse) -> None:
        answer = Answer()
        if response.status in (200, 206):
            answer.fill(response.status, response.headers, "")
            require_identity(answer, self._identity, where)
            return
        if response.status == _NOT_FOUND:
            raise FileMissing(f"{where}: HTTP {response.status}")
        if response.status == _NO_SUCH_RANGE:
            raise ExchangeUnavailable(f"{where}: HTTP {response.status}")
        words = await response.content.read(_MOST_WORDS)
        answer.fill(response.status, response.headers, words.decode(errors="replace"))
        raise classify_refusal(answer, None, where)


class _Part:
    """The received part of a file.

    Attributes:
        tag: strong ETag of the file's version; parts of different versions must not be joined.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.tag = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers to request the rest, or the whole file when it has changed meanwhile."""
        # A weak ETag does not identify bytes.
        if not self.received or not self.tag.startswith('"'):
            return {}
        return {"Range": f"bytes={len(self.received)}-", "If-Range": self.tag}

    def begin(self, response: aiohttp.ClientResponse) -> None:
        """Processes the headers: the received part is kept only if the response continues it."""
        goes_on = f"bytes {len(self.received)}-"
        given = response.headers.get("Content-Range", "")
        if response.status != 206 or not given.startswith(goes_on):
            self.received.clear()
        if response.status == 206 and not self.received and not given.startswith("bytes 0-"):
            self.tag = ""
            raise MalformedPayload(f"not the requested part: {given!r}")
        self.tag = response.headers.get("ETag", "")
