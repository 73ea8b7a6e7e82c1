"""The console: the same conversation, the tasks and the journal in a browser.

    app = build(engine, journal, settings)      an aiohttp application, ready to be run

Knows: how its parts are put together. Does not know: ports, when anything starts or stops.

Everything works without JavaScript: forms post, pages come back. With it, the same forms are sent
by `static/console.js` and answered with the piece of the page that changed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from bot.attachments import LARGEST_LOG
from bot.console import about, chat, health, manage, privacy, replies, review, writing
from bot.console.conversation import Conversations
from bot.console.faults import sentences
from bot.console.guard import GUARD, STATIC, Guard, Handler
from bot.console.health import METRICS, STARTED
from bot.console.pages import STATIC_FOLDER, Pages
from bot.console.state import CONSOLE, Console
from bot.metrics import Metrics
from bot.settings import Settings
from bot.wording import load, say
from engine import BadSetting, JournalThread

if TYPE_CHECKING:
    from engine import Engine  # at run time this would load the numeric library

__all__ = ["build"]

BODY_LIMIT = LARGEST_LOG + 65_536
"""Bytes of a post: the largest log, and what stands around it in a form."""
LEAST_IDLE = 3600.0
"""Seconds a conversation stays open at least, however short the journal keeps words."""


def build(
    engine: Engine,
    journal: JournalThread,
    settings: Settings,
    started: asyncio.Event | None = None,
    metrics: Metrics | None = None,
) -> web.Application:
    """The console for an engine and a journal that is open; neither is started or closed here.

    `started`: set once the engine has loaded its models; what is posted before waits for it, however
    long that takes. None: the engine runs. `metrics`: those of the process, for /metrics.
    Raises BadSetting when other machines could reach it and no token is set.
    """
    if not settings.loopback and not settings.console_token:
        reason = say("setting.console_token", settings.locale, host=settings.host)
        raise BadSetting(setting="MOYOU_CONSOLE_TOKEN", reason=reason)
    guard = Guard(settings)
    pages = Pages(engine.tasks, can_leave=guard.token_needed)

    @web.middleware
    async def patient(request: web.Request, handler: Handler) -> web.StreamResponse:
        if started is not None and request.method == "POST":
            await started.wait()
        return await handler(request)

    async def prepare(_: web.Application) -> None:
        # both would hold up the event loop when they are first needed
        await asyncio.to_thread(pages.compile)
        await asyncio.to_thread(load)

    app = web.Application(
        middlewares=[guard.headers, guard.visitor, sentences, guard.admit, patient],
        client_max_size=BODY_LIMIT,
    )
    app[GUARD] = guard
    app[CONSOLE] = Console(
        engine=engine,
        journal=journal,
        settings=settings,
        pages=pages,
        conversations=Conversations(max(LEAST_IDLE, settings.keep_words_hours * 3600)),
    )
    app[METRICS] = Metrics() if metrics is None else metrics
    app[STARTED] = asyncio.Event() if started is None else started
    if started is None:
        app[STARTED].set()
    app.on_startup.append(prepare)
    for part in (chat, writing, replies, about, manage, review, privacy, health):
        app.add_routes(part.routes())
    app.router.add_static(STATIC, STATIC_FOLDER)
    return app
