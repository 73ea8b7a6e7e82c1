"""The pages around the writing: what the journal holds, reports, languages, signing in and out.

Knows: which counts and models are shown. Does not know: how anything is counted or kept.
"""

from __future__ import annotations

import time

from aiohttp import web

from bot.console.faults import Fault, fault_of
from bot.console.fields import posted
from bot.console.guard import (
    GUARD,
    LOCALE_COOKIE,
    LOCALES,
    SIGN_IN_COOKIE,
    YEAR,
    Refused,
    redirect,
    set_cookie,
)
from bot.console.pages import named, titled
from bot.console.state import CONSOLE, VISITOR
from bot.reasons import report_words
from bot.wording import in_characters_of
from engine import Journal, Report, reports


async def reports_page(request: web.Request) -> web.Response:
    """GET /reports: what people in Discord reported, of all servers, for whoever looks after Moyou."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    found: tuple[Report, ...] = await console.journal(reports)
    tasks = console.engine.tasks
    shown = [
        {
            "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.at)),
            "task": titled(named(visitor.locale, tasks[report.task].names)) if report.task in tasks else "",
            "text": in_characters_of(report.own_text, visitor.locale),
            "reasons": [report_words(reason, visitor.locale) for reason in report.reasons],
        }
        for report in found
    ]
    return console.pages.answer("reports.html", visitor, reports=shown)


async def journal_page(request: web.Request) -> web.Response:
    """GET /journal"""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    counts = await console.journal(Journal.counts)
    tasks = console.engine.tasks
    status = console.engine.status()
    return console.pages.answer(
        "journal.html",
        visitor,
        counts=[
            (key, getattr(counts, key)) for key in ("generations", "signals", "likes", "dislikes", "people")
        ],
        by_task=[
            (titled(named(visitor.locale, tasks[name].names, name)) if name in tasks else name, row)
            for name, row in sorted(counts.by_task.items())
        ],
        reported=len(await console.journal(reports)),
        models=[(name, model["hash"], model["loaded"]) for name, model in status["models"].items()],
        reward_model=status["reward_model"],
        waiting=status["waiting"],
    )


async def language(request: web.Request) -> web.Response:
    """GET /language/{locale}?back=/page: read the pages in another language from now on."""
    locale = request.match_info["locale"]
    if locale not in LOCALES:
        raise web.HTTPNotFound()
    back = request.query.get("back", "/")
    # only a path of ours: "//host" and "/\host" lead elsewhere
    own = back.startswith("/") and back[1:2] not in ("/", "\\") and back.isprintable()
    response = redirect(back if own else "/")
    set_cookie(request, response, LOCALE_COOKIE, locale, YEAR, samesite="Lax")
    return response


async def sign_in_page(request: web.Request) -> web.Response:
    """GET /login"""
    guard = request.app[GUARD]
    if not guard.token_needed or guard.signed_in(request):
        return redirect("/")
    return _sign_in_page(request)


async def sign_in(request: web.Request) -> web.Response:
    """POST /login: the token makes a cookie."""
    guard = request.app[GUARD]
    if not guard.token_needed:
        return redirect("/")
    given = (await posted(request)).get("token", "")
    if guard.too_many_failures():
        return _sign_in_page(request, "console.wait_token")
    if not guard.right_token(given):
        return _sign_in_page(request, "console.wrong_token")
    response = redirect("/")
    guard.sign_in(request, response)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """POST /logout"""
    response = redirect("/login" if request.app[GUARD].token_needed else "/")
    response.del_cookie(SIGN_IN_COOKIE, path="/")
    return response


def _sign_in_page(request: web.Request, refused: str = "") -> web.Response:
    visitor = request[VISITOR]
    fault: Fault | None = fault_of(Refused(refused), visitor.locale) if refused else None
    return request.app[CONSOLE].pages.answer(
        "login.html", visitor, status=fault.status if fault else 200, fault=fault
    )


def routes() -> list[web.RouteDef]:
    return [
        web.get("/journal", journal_page),
        web.get("/reports", reports_page),
        web.get("/language/{locale}", language),
        web.get("/login", sign_in_page),
        web.post("/login", sign_in),
        web.post("/logout", sign_out),
    ]
