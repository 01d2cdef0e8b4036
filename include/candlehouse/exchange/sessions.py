"""aiohttp sessions that follow the rules of `network`, for all HTTP clients."""

from __future__ import annotations

from types import SimpleNamespace

import aiohttp

from candlehouse.exchange.network import (
    CONNECT_S,
    USER_AGENT,
    choose_proxy,
    make_ssl_context,
    refuse_redirect,
)


def open_session(
    base_url: str | None = None,
    *,
    total_s: float | None = None,
    read_s: float | None = None,
    connections: int = 100,
) -> aiohttp.ClientSession:
    """A session, to be closed in the event loop that opens it.

    At most three redirects are followed, and none from https to http: RequestRejected is raised
    then.

    Args:
        base_url: determines the proxy; without one each request names its own.
        total_s: seconds per request, None for no limit.
        read_s: seconds between two parts of a response, None for no limit.
        connections: highest number of simultaneous connections.

    Raises:
        ConfigurationError: when the environment names an invalid proxy or invalid certificates.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_check_redirect)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=make_ssl_context()),
        timeout=aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S, sock_read=read_s),
        headers={"User-Agent": USER_AGENT},
        proxy=choose_proxy(base_url) if base_url else None,
        trace_configs=[tracing],
    )


async def _check_redirect(
    _: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestRedirectParams,
) -> None:
    context.redirects = getattr(context, "redirects", 0) + 1
    location = params.response.headers.get("Location", "")
    target = params.url.join(type(params.url)(location))
    refuse_redirect(str(params.url), str(target), context.redirects)
