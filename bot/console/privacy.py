"""The privacy page: what is kept of this visitor, all of it as a file, keep nothing, forget me.

Knows: what the page shows and does. Does not know: how anything is kept or erased (the journal does).
"""

from __future__ import annotations

import secrets
import time

from aiohttp import web

from bot.console.fields import posted
from bot.console.guard import PERSON_COOKIE, YEAR, redirect, set_cookie
from bot.console.state import CONSOLE, VISITOR
from bot.privacy import FILE, backups_text, kept_text, limits_text
from engine import Forgotten, Journal, belongings, deletions, kept_of


async def page(request: web.Request) -> web.Response:
    """GET /privacy"""
    return await _page(request)


async def mine(request: web.Request) -> web.Response:
    """GET /privacy/mine.json: everything of this visitor."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    text = await console.journal.beside(belongings, visitor.person)
    headers = {"Content-Disposition": f'attachment; filename="{FILE}"'}
    return web.Response(text=text, content_type="application/json", headers=headers)


async def forget(request: web.Request) -> web.Response:
    """POST /forget: erase everything of this visitor, who is a new one from then on."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    keeps = await console.journal(Journal.may_keep, visitor.person)
    forgotten = await console.journal(Journal.forget, visitor.person)
    console.conversations.drop(visitor.id)
    response = await _page(request, forgotten)
    if keeps:  # a refusal is remembered under the old name
        set_cookie(request, response, PERSON_COOKIE, secrets.token_hex(16), YEAR, samesite="Lax")
    return response


async def keep(request: web.Request) -> web.Response:
    """POST /keep: whether anything of this visitor may be kept from now on."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    wanted = (await posted(request)).get("keep") == "1"
    await console.journal(Journal.set_keep, visitor.person, wanted)
    return redirect("/privacy")


async def _page(request: web.Request, forgotten: Forgotten | None = None) -> web.Response:
    console, visitor = request.app[CONSOLE], request[VISITOR]
    locale, settings = visitor.locale, console.settings
    return console.pages.answer(
        "privacy.html",
        visitor,
        forgotten=forgotten,
        may_keep=await console.journal(Journal.may_keep, visitor.person),
        mine=kept_text(await console.journal(kept_of, visitor.person), locale),
        limits=limits_text(settings, locale),
        backups=await backups_text(settings, locale, _utc) if forgotten else "",
        keep_words=settings.keep_words_hours > 0,
        keep_hours=f"{settings.keep_words_hours:g}",
        erased=[
            (_utc(at), why, replies, judgements)
            for at, why, replies, judgements in await console.journal(deletions)
        ],
    )


def _utc(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def routes() -> list[web.RouteDef]:
    return [
        web.get("/privacy", page),
        web.get("/privacy/mine.json", mine),
        web.post("/forget", forget),
        web.post("/keep", keep),
    ]
