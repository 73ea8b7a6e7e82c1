"""Tasks as pages: a form made from a task's file, and the reply to it.

Knows: which task a path names, what stood in the form. Does not know: summaries (`summarising`).
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bot.console import summarising
from bot.console.faults import Fault, fault_of
from bot.console.fields import fields_of, posted, request_of, values_of
from bot.console.guard import redirect
from bot.console.replies import View, owned, view_of, views_of, write
from bot.console.state import CONSOLE, VISITOR, Console, Visitor
from engine import MoyouError, Task


async def form(request: web.Request) -> web.Response:
    """GET /write/{task}: the task's form."""
    console, visitor, task = request.app[CONSOLE], request[VISITOR], task_of(request)
    if task.name == "chat":
        return redirect("/")
    if task.source == "messages":
        return summarising.page(console, visitor, task)
    return page(console, visitor, task)


async def post(request: web.Request) -> web.Response:
    """POST /write/{task}: write; answers with the reply, or leads to its page."""
    console, visitor, task = request.app[CONSOLE], request[VISITOR], task_of(request)
    if task.source == "messages":
        return await summarising.post(request, task)
    values = await posted(request)
    try:
        reply = await write(console, visitor, request_of(task, visitor.locale, values))
    except MoyouError as error:
        if visitor.part:
            raise
        return page(console, visitor, task, values=values, fault=fault_of(error, visitor.locale))
    (view,) = await views_of(console, visitor, [reply], "reply")
    if visitor.part:
        return console.pages.answer("_reply.html", visitor, view=view)
    if view.kept:
        return redirect(f"/reply/{reply.generation}")
    return page(console, visitor, task, values=values, views=[view])


async def reply_page(request: web.Request) -> web.Response:
    """GET /reply/{generation}: a reply of the visitor's own, under the form it came from."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    reply, standing = await owned(console, visitor, request.match_info["generation"])
    view = view_of(console, reply, standing, "reply", visitor.locale)
    task = console.engine.tasks.get(reply.task)
    if task is None or task.source == "messages":
        return console.pages.answer("reply.html", visitor, view=view)
    return page(console, visitor, task, values=values_of(task, standing.request), views=[view])


def page(
    console: Console,
    visitor: Visitor,
    task: Task,
    *,
    values: Mapping[str, str] | None = None,
    views: list[View] | None = None,
    fault: Fault | None = None,
) -> web.Response:
    return console.pages.answer(
        "write.html",
        visitor,
        status=fault.status if fault else 200,
        task=task,
        fields=fields_of(task, visitor.locale, values or {}),
        views=views or [],
        fault=fault,
    )


def task_of(request: web.Request) -> Task:
    """The task that the path names. Raises HTTPNotFound."""
    task = request.app[CONSOLE].engine.tasks.get(request.match_info["task"])
    if task is None:
        raise web.HTTPNotFound()
    return task


def routes() -> list[web.RouteDef]:
    return [
        web.get("/write/{task}", form),
        web.post("/write/{task}", post),
        web.get("/reply/{generation}", reply_page),
    ]
