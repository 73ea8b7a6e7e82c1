"""The conversation: a page, and the posts that carry it on.

Knows: how what a person says becomes a Request with the turns before it.
Does not know: replies' looks (`replies`), how long a conversation lives (`conversation`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.console.conversation import Turn
from bot.console.faults import Fault, fault_of
from bot.console.fields import posted
from bot.console.guard import redirect
from bot.console.replies import View, views_of, write
from bot.console.state import CONSOLE, VISITOR, Console, Visitor
from bot.wording import language_of
from engine import MoyouError, Request

TASK = "chat"


@dataclass(slots=True)
class ShownTurn:
    """A turn with its replies ready to be shown."""

    said: str
    views: list[View]


async def page(request: web.Request) -> web.Response:
    """GET /: the conversation so far."""
    return await _page(request.app[CONSOLE], request[VISITOR])


async def talk(request: web.Request) -> web.Response:
    """POST /chat: say something; answers with the new turn, or leads back to the page."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    said = (await posted(request)).get("text", "").strip()
    conversation = console.conversations.peek(visitor.id)
    asked = Request(TASK, said, locale=language_of(said, visitor.locale), context=conversation.context())
    try:
        reply = await write(console, visitor, asked)
    except MoyouError as error:
        if visitor.part:
            raise
        fault = fault_of(error, visitor.locale)
        return await _page(console, visitor, fault=fault, text=said)
    # taken anew: the visitor may have begun a new conversation meanwhile
    turn = console.conversations.of(visitor.id).add(said, reply)
    if visitor.part:
        (shown,) = await _shown(console, visitor, [turn])
        return console.pages.answer("_turn.html", visitor, turn=shown)
    return redirect(f"/#reply-{reply.generation}")


async def begin_anew(request: web.Request) -> web.Response:
    """POST /chat/new: forget the turns so far."""
    request.app[CONSOLE].conversations.drop(request[VISITOR].id)
    return redirect("/")


async def _page(
    console: Console, visitor: Visitor, fault: Fault | None = None, text: str = ""
) -> web.Response:
    turns = await _shown(console, visitor, console.conversations.peek(visitor.id).turns)
    for turn in turns[:-1]:
        turn.views = [shortened(view) for view in turn.views]
    return console.pages.answer(
        "chat.html",
        visitor,
        status=fault.status if fault else 200,
        turns=turns,
        fault=fault,
        text=text,
    )


def shortened(view: View) -> View:
    """The view of an earlier reply: its drafts stand on a page of its own, if the journal has it."""
    return dataclasses.replace(view, drafts=()) if view.kept else view


async def _shown(console: Console, visitor: Visitor, turns: Sequence[Turn]) -> list[ShownTurn]:
    # as they are now: while the journal is read another request of this visitor may add to them
    held = [(turn.said, tuple(turn.replies)) for turn in turns]
    views = iter(await views_of(console, visitor, [reply for _, replies in held for reply in replies], TASK))
    return [ShownTurn(said, [next(views) for _ in replies]) for said, replies in held]


def routes() -> list[web.RouteDef]:
    return [web.get("/", page), web.post("/chat", talk), web.post("/chat/new", begin_anew)]
