"""Requests to Discord that nobody answers: given up after a while and, where that does no harm, made again.

Knows: how long an answer may take, which requests can be made twice. Does not know: what they are for.

discord.py waits out rate limits and makes refused requests again, but for an answer that never comes it
waits five minutes and then gives up, and so it does at once where not Discord itself limits it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds that one request may take."""
TRIES = 3
PAUSE = 2.0
"""Seconds before the third try; the second comes at once."""
TOO_MANY, SERVERS_FAULT, UNAVAILABLE = 429, 500, 503

Request = Callable[..., Awaitable[Any]]
Fetch = Callable[[str], Awaitable[bytes]]


def bound(client: discord.Client, seconds: float = PATIENCE) -> None:
    """Give every request of a client that has logged in `seconds`, and lost ones another try."""
    session = getattr(client.http, "_HTTPClient__session", None)
    if isinstance(session, aiohttp.ClientSession):
        # the library has no option for this
        session._timeout = aiohttp.ClientTimeout(total=seconds)
    client.http.request = patient(client.http.request)  # type: ignore[method-assign, assignment]
    client.http.get_from_cdn = fetched(client.http.get_from_cdn)  # type: ignore[method-assign, assignment]


def patient(request: Request) -> Request:
    """`request`, made again when its answer did not come and making it twice is making it once."""

    async def again(route: discord.http.Route, **options: Any) -> Any:
        for tries in range(1, TRIES):
            wait = PAUSE * (tries - 1)
            try:
                return await request(route, **options)
            except (TimeoutError, aiohttp.ClientConnectionError, discord.DiscordServerError) as error:
                # the library itself tries again after other troubles of Discord's
                others = isinstance(error, discord.DiscordServerError) and error.status != UNAVAILABLE
                if others or not repeatable(route.method, _body(options)):
                    raise
                log.info("no answer to %s %s; asking again", route.method, route.path)
            except discord.HTTPException as error:
                # the library waits out Discord's own limits, but not those of the servers before it
                if error.status != TOO_MANY:
                    raise
                wait = _named_wait(error, wait)
                if wait >= PATIENCE:
                    raise
                log.info("%s %s is limited; asking again in %g s", route.method, route.path, wait)
            await asyncio.sleep(wait)
            for file in options.get("files") or ():
                file.reset()
        return await request(route, **options)

    return again


def fetched(get: Fetch) -> Fetch:
    """`get`, which reads a file, made again after a limit or a trouble: there the library does neither."""

    async def again(url: str) -> bytes:
        for tries in range(1, TRIES):
            wait = PAUSE * (tries - 1)
            try:
                return await get(url)
            except discord.HTTPException as error:
                if error.status != TOO_MANY and error.status < SERVERS_FAULT:
                    raise
                wait = _named_wait(error, wait)
            except (TimeoutError, aiohttp.ClientConnectionError):
                pass
            log.info("a file did not come; asking again in %g s", wait)
            await asyncio.sleep(wait)
        return await get(url)

    return again


def _named_wait(error: discord.HTTPException, otherwise: float) -> float:
    """The seconds that an answer asks to wait, within our patience."""
    try:
        named = float(error.response.headers.get("Retry-After", otherwise))
    except ValueError:  # a date: nobody needs to wait for that long
        named = PATIENCE
    return min(max(named, 0.0), PATIENCE)


def _body(options: dict[str, Any]) -> Any:
    """What a request says, also where files go along."""
    for field in options.get("form") or ():
        if field.get("name") == "payload_json":
            return json.loads(field["value"])
    return options.get("json")


def repeatable(method: str, body: Any) -> bool:
    """A message with a nonce is one message however often it is sent; other posts are not."""
    return method != "POST" or (isinstance(body, dict) and bool(body.get("enforce_nonce")))
