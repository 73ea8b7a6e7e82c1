"""/healthz and /metrics, for machines that watch over this one.

Knows: what a watcher is told, and that the numbers ask for the console's token where there is one.
Does not know: how anything is counted (`bot.metrics`).
"""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from bot.console.guard import GUARD
from bot.console.state import CONSOLE
from bot.metrics import CONTENT_TYPE, Metrics
from engine import Journal

METRICS = web.AppKey("metrics", Metrics)
STARTED = web.AppKey("started", asyncio.Event)


async def health(request: web.Request) -> web.Response:
    """GET /healthz: 200 once texts can be written, 503 before."""
    console, serving = request.app[CONSOLE], request.app[STARTED].is_set()
    discord = "off"
    if console.settings.discord_token:
        discord = "connected" if request.app[METRICS].is_connected else "connecting"
    body = {"status": "serving" if serving else "starting", "discord": discord}
    return web.Response(
        text=json.dumps(body) + "\n", status=200 if serving else 503, content_type="application/json"
    )


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics; where the console has a token: with "Authorization: Bearer TOKEN"."""
    guard, console = request.app[GUARD], request.app[CONSOLE]
    if guard.token_needed and not guard.signed_in(request):
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if guard.too_many_failures() or not guard.right_token(given):
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    counts = await console.journal(Journal.counts)
    text = request.app[METRICS].text(console.engine.status(), counts)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


def routes() -> list[web.RouteDef]:
    return [web.get("/healthz", health), web.get("/metrics", metrics)]
