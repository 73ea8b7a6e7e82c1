"""Replies as the pages show them, and what a visitor can do with one: judge it, ask for another, vary it.

Knows: how an opinion becomes facts in the journal, which replies a visitor may see (their own).
Does not know: conversations' pages, forms of tasks, HTML.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.console import verse
from bot.console.fields import posted
from bot.console.guard import Refused, redirect
from bot.console.state import CONSOLE, PLACE_SURFACE, VISITOR, Console, Visitor
from bot.doubt import doubt
from bot.reasons import REASONS
from bot.wording import in_characters_of, language, say
from engine import BadInput, Draft, Fact, Journal, Place, Reply, Request, forgettings, on_behalf_of

LABEL = "console"
"""One label for both thumbs: the later press replaces the earlier one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the journal knows of a reply for one visitor."""

    opinion: float = 0.0
    reasons: tuple[str, ...] = ()
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class RankedDraft:
    """A draft with whether it was the one sent; `text` is its own in the page's characters."""

    draft: Draft
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class View:
    """One reply ready to be shown.

    `place` is the page to go back to: "chat" or "reply". `reasons` are all that can be given, each
    with whether it was. `kept` is false when the journal does not hold it: it can be read, but not
    judged or repeated. `drafts` are empty where they can be read on the reply's own page.
    `text` is the reply in the page's characters, as are the drafts and the sheet. `doubt` is what to
    know before relying on it, in the page's language.
    """

    reply: Reply
    text: str
    place: str
    kept: bool
    can_repeat: bool
    can_vary: bool
    opinion: float
    reasons: tuple[tuple[str, bool], ...]
    title: str
    sheet: verse.Sheet | None
    form_names: Mapping[str, str]
    drafts: tuple[RankedDraft, ...]
    doubt: str = ""


class NotFound(web.HTTPNotFound):
    """There is no such reply, or it is somebody else's."""


def standings(journal: Journal, person: str, generations: Sequence[str]) -> dict[str, Standing]:
    """What stands for each of these replies that was written for this person."""
    found: dict[str, Standing] = {}
    for generation in generations:
        if not journal.written_for(generation, person):
            continue
        signal = journal.signal(generation, person)
        found[generation] = Standing(
            opinion=signal.value if signal else 0.0,
            reasons=tuple(signal.reason.split(",")) if signal and signal.reason else (),
            request=journal.request(generation),
        )
    return found


def view_of(console: Console, reply: Reply, standing: Standing | None, place: str, locale: str) -> View:
    request = standing.request if standing else None
    # an English page does not say which Chinese its visitor reads; what they asked may
    script = request.locale if request is not None and language(locale) == "en" else locale
    sheet = verse.sheet_of(reply, script)
    drafts = [
        RankedDraft(draft, in_characters_of(draft.text, script), index == reply.chosen)
        for index, draft in enumerate(reply.drafts)
    ]
    # best first, the one that was sent before all
    drafts.sort(key=lambda ranked: (not ranked.chosen, -ranked.draft.score))
    return View(
        reply=reply,
        # people wrote a fixed one for its locale
        text=reply.text if reply.origin == "fixed" else in_characters_of(reply.text, script),
        place=place,
        kept=standing is not None,
        can_repeat=request is not None,
        can_vary=request is not None and reply.origin == "generated" and bool(reply.latent),
        opinion=standing.opinion if standing else 0.0,
        reasons=tuple((name, standing is not None and name in standing.reasons) for name in REASONS),
        title=request.text.strip() if sheet and request and len(request.text.strip()) <= 12 else "",
        sheet=sheet,
        form_names=verse.form_names(console.engine.tasks, reply.form.name) if reply.form else {},
        drafts=tuple(drafts),
        doubt=doubt(reply, locale),
    )


async def views_of(console: Console, visitor: Visitor, replies: Sequence[Reply], place: str) -> list[View]:
    """The views of several replies with one visit to the journal."""
    generations = [reply.generation for reply in replies]
    found = await console.journal(standings, visitor.person, generations)
    return [view_of(console, reply, found.get(reply.generation), place, visitor.locale) for reply in replies]


async def write(console: Console, visitor: Visitor, request: Request, repeats: str = "") -> Reply:
    """A reply, kept in the journal before anybody sees it. Raises the engine's errors.

    A fixed reply (somebody may be in danger) is not recorded: nothing is kept of such a moment. The
    engine looks for danger before it holds the request against its task, so it gets it unchecked.
    `repeats`: the reply whose request is given once more.
    """
    since = await console.journal(forgettings)
    with on_behalf_of(visitor.person):
        reply = await console.engine.write(request)
    return await _keep(console, visitor, request, reply, repeats, since)


async def vary(console: Console, visitor: Visitor, request: Request, near: Reply) -> Reply:
    """A reply near `near`, which answered the same request; kept as `write` keeps a repeat."""
    with on_behalf_of(visitor.person):
        reply = await console.engine.vary(request, near)
    return await _keep(console, visitor, request, reply, near.generation)


async def _keep(
    console: Console,
    visitor: Visitor,
    request: Request,
    reply: Reply,
    repeats: str,
    since: tuple[object, ...] | None = None,
) -> Reply:
    if reply.origin != "fixed":
        place = Place(PLACE_SURFACE)
        await console.journal(
            Journal.record, request, reply, visitor.person, place, repeats=repeats, since=since
        )
    return reply


# --- handlers


async def again(request: web.Request) -> web.Response:
    """POST /reply/{generation}/again: the same request with a new seed."""
    return await _once_more(request, near=False)


async def another_near(request: web.Request) -> web.Response:
    """POST /reply/{generation}/vary: the same request, written near this reply."""
    return await _once_more(request, near=True)


async def _once_more(request: web.Request, *, near: bool) -> web.Response:
    console, visitor = request.app[CONSOLE], request[VISITOR]
    generation = request.match_info["generation"]
    place = (await posted(request)).get("place", "reply")
    standing = await _standing(console, visitor, generation)
    if standing.request is None:
        return console.pages.answer(
            "_gone.html" if visitor.part else "gone.html", visitor, status=410, generation=generation
        )
    asked = dataclasses.replace(standing.request, seed=None)
    if near:
        reply = await vary(console, visitor, asked, await _reply(console, generation))
    else:
        reply = await write(console, visitor, asked, repeats=generation)
    turn = console.conversations.peek(visitor.id).turn_of(generation)
    if turn is not None:
        turn.replies.append(reply)
    if visitor.part:
        (view,) = await views_of(console, visitor, [reply], place)
        return console.pages.answer("_reply.html", visitor, view=view)
    return redirect(_back_to(place, reply.generation))


async def judge(request: web.Request) -> web.Response:
    """POST /reply/{generation}/opinion: `value` 1, -1 or 0, with reasons for -1."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    generation = request.match_info["generation"]
    form = await posted(request)
    if form.get("value") not in ("1", "0", "-1"):
        raise BadInput()
    value = int(form["value"])
    given = (await request.post()).getall("reason", [])
    reason = ",".join(name for name in REASONS if name in given)
    before = await _standing(console, visitor, generation)
    noted = await console.journal(set_opinion, generation, visitor.person, value, reason)
    if value and not noted and not await console.journal(Journal.may_keep, visitor.person):
        raise Refused("console.not_noted")
    if not visitor.part:
        return redirect(_back_to(form.get("place", "reply"), generation))
    reply = await _reply(console, generation)
    (view,) = await views_of(console, visitor, [reply], form.get("place", "reply"))
    key = {1: "console.noted_like", -1: "console.noted_dislike", 0: "console.noted_none"}[value]
    if value == -1 and before.opinion < 0:
        key = "console.noted_reason"
    return console.pages.answer("_opinion.html", visitor, view=view, announce=say(key, visitor.locale))


def set_opinion(journal: Journal, generation: str, person: str, value: int, reason: str = "") -> bool:
    """Make `value` this person's one opinion; 0 takes it back. False: nothing changed (Journal.react)."""
    fact = Fact(generation, person, "button", float(value), LABEL, reason, withdrawn=value == 0)
    return journal.react(fact)


async def owned(console: Console, visitor: Visitor, generation: str) -> tuple[Reply, Standing]:
    """A visitor's own reply. Raises NotFound."""
    standing = await _standing(console, visitor, generation)
    return await _reply(console, generation), standing


async def _standing(console: Console, visitor: Visitor, generation: str) -> Standing:
    found = await console.journal(standings, visitor.person, [generation])
    if generation not in found:
        raise NotFound()
    return found[generation]


async def _reply(console: Console, generation: str) -> Reply:
    reply = await console.journal(Journal.reply, generation)
    if reply is None:
        raise NotFound()
    return reply


def _back_to(place: str, generation: str) -> str:
    return f"/#reply-{generation}" if place == "chat" else f"/reply/{generation}"


def routes() -> list[web.RouteDef]:
    return [
        web.post("/reply/{generation}/again", again),
        web.post("/reply/{generation}/vary", another_near),
        web.post("/reply/{generation}/opinion", judge),
    ]
