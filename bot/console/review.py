"""The review queue in the console: a card, four keys, reasons and a rewrite.

Knows: the page and what is posted from it. Does not know: which reply teaches most, how reviews are kept
(the engine). Works without a script; with one the keys of the card press its buttons.
"""

from __future__ import annotations

from aiohttp import web

from bot.console.fields import posted
from bot.console.guard import Refused, redirect
from bot.console.pages import named, titled
from bot.console.state import CONSOLE, VISITOR
from bot.reasons import LONGEST, REASONS, reason_of, report_words
from bot.review import agreement_text
from bot.wording import in_characters_of, say
from engine import VERDICTS, BadInput, agreement, review, review_queue, unreview

SHOWN = 100
"""Replies that are looked up, so that the page can say how many are left."""


async def page(request: web.Request) -> web.Response:
    """GET /review?skip=N&noted=VERDICT&last=GENERATION"""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    locale = visitor.locale
    skipped = _number(request.query.get("skip", ""))
    queue = await console.journal(review_queue, visitor.person, None, (), skipped + SHOWN)
    one = queue[skipped] if len(queue) > skipped else None
    task = console.engine.tasks.get(one.task) if one else None
    noted = request.query.get("noted", "")
    said = ""
    if noted in VERDICTS:
        said = say("review.noted", locale, verdict=say(f"review.{noted}", locale))
    elif noted == "back":
        said = say("review.taken_back", locale)
    return console.pages.answer(
        "review.html",
        visitor,
        one=one,
        text=in_characters_of(one.own_text, locale) if one else "",
        title=titled(named(locale, task.names, task.name)) if task else "",
        why=[say(f"review.why.{name}", locale) for name in one.why] if one else [],
        reported=[" · ".join(filter(None, report_words(reason, locale))) for reason in one.reasons]
        if one
        else [],
        left=len(queue) - skipped,
        skipped=skipped,
        said=said,
        last=request.query.get("last", "") if noted in VERDICTS else "",
        reasons=REASONS,
        longest=LONGEST,
        agreement=agreement_text(await console.journal(agreement), locale),
    )


async def note(request: web.Request) -> web.Response:
    """POST /review: `generation`, `verdict` (or `back`), `reason`s, `words`, `skip`."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    form = await posted(request)
    generation, verdict = form.get("generation", ""), form.get("verdict", "")
    skipped = _number(form.get("skip", ""))
    if verdict == "back":
        await console.journal(unreview, generation, visitor.person)
        return redirect(f"/review?skip={skipped}&noted=back")
    if verdict not in VERDICTS:
        raise BadInput()
    given = (await request.post()).getall("reason", [])
    reason = reason_of([name for name in REASONS if name in given], form.get("words", ""))
    if not await console.journal(review, generation, visitor.person, verdict, reason):
        raise Refused("review.not_noted")
    return redirect(f"/review?skip={skipped}&noted={verdict}&last={generation}")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def routes() -> list[web.RouteDef]:
    return [web.get("/review", page), web.post("/review", note)]
