"""The first contact with an exchange: which one answers at a URL."""

from __future__ import annotations

import asyncio
import http
import json

import aiohttp

from candlehouse.core.errors import ExchangeError, ExchangeUnavailable, RateLimited
from candlehouse.core.ports import Answerer
from candlehouse.core.timeframe import from_ms
from candlehouse.core.urls import hide_user_info
from candlehouse.exchange.binance.http.refusals import classify_refusal
from candlehouse.exchange.binance.http.transport import find_identity
from candlehouse.exchange.failures import Answer
from candlehouse.exchange.sessions import open_session

_TIMEOUT_S = 3.0


def ask_who_answers(rest_url: str) -> Answerer:
    """Which exchange answers at `rest_url`; blocks for a few seconds at most.

    Raises:
        ExchangeUnavailable: when nothing answers, or not like an exchange.
        RateLimited: when the exchange answers that requests are not allowed now.
        RuntimeError: when it is called inside an event loop, which it would block.
    """
    url = hide_user_info(rest_url)
    try:
        answer = asyncio.run(_ask(f"{rest_url}/api/v3/time"))
        if answer.status != http.HTTPStatus.OK:
            raise classify_refusal(answer, None, url)
        server_time = from_ms(int(json.loads(answer.body)["serverTime"]))
    except RateLimited:
        raise
    except (aiohttp.ClientError, ExchangeError, OSError, ValueError, KeyError, TypeError) as error:
        why = hide_user_info(str(error) or type(error).__name__)
        raise ExchangeUnavailable(
            f"no exchange answers at {url}: {why} (the stand-in runs with `make run`)"
        ) from None
    return Answerer(find_identity(answer), server_time)


async def _ask(url: str) -> Answer:
    answer = Answer()
    async with open_session(url, total_s=_TIMEOUT_S) as session, session.get(url) as response:
        answer.fill(response.status, response.headers, await response.text(errors="replace"))
    return answer
