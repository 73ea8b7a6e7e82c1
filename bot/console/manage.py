"""Pages for whoever looks after Moyou: the report, tuned models, tasks to try, settings.

Knows: what these pages show and the three things that can be done to a model. Does not know: how anything is
counted, tuned or written; reviews (`review`) and erasure (`privacy`) have pages of their own.

Whoever may open the console is its owner: it listens to this machine alone, or asks for the owner's token.
"""

from __future__ import annotations

import asyncio
import dataclasses
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from bot import liking
from bot.console.fields import fields_of, posted, request_of
from bot.console.guard import PICTURE_POLICY, redirect
from bot.console.pages import named, titled
from bot.console.replies import view_of
from bot.console.state import CONSOLE, VISITOR, Console, Visitor
from bot.console.writing import task_of
from bot.model_command import data_text, gained_text, name_of, parent_text, trial_text
from bot.settings import DEFAULTS, Settings
from bot.wording import say
from engine import (
    FORMATS,
    BadInput,
    ExtraMissing,
    ModelMissing,
    begin_trial,
    compare_versions,
    export,
    feedback_report,
    on_behalf_of,
    picture,
    promote_version,
    roll_back,
    switches,
    trial_now,
    tryable,
    tuned_models,
    tuned_versions,
)

SECRETS = ("DISCORD_TOKEN", "MOYOU_CONSOLE_TOKEN")


async def report_page(request: web.Request) -> web.Response:
    """GET /report: what people liked, in tables under a picture."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    return console.pages.answer("report.html", visitor, told=await _told(console, visitor), formats=FORMATS)


async def report_picture(request: web.Request) -> web.Response:
    """GET /report.svg: the same as a picture."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    told = await _told(console, visitor)
    try:
        data = await asyncio.to_thread(
            picture, told.title, told.panels, "svg", narrow="narrow" in request.query
        )
    except ExtraMissing as error:
        raise web.HTTPNotFound() from error
    headers = {"Content-Security-Policy": PICTURE_POLICY}
    return web.Response(body=data, content_type="image/svg+xml", headers=headers)


async def _told(console: Console, visitor: Visitor) -> liking.Told:
    report = await console.journal(feedback_report)
    changes = await asyncio.to_thread(switches, console.settings.tuned)
    locale = visitor.locale
    # the journal knows no channel's name, and this page no server: a label that stays the same must do
    return liking.told(
        report,
        changes,
        console.engine.tasks,
        locale,
        lambda label: say("liked.channel", locale, label=label),
    )


async def export_file(request: web.Request) -> web.Response:
    """GET /export/{format}: the judgements and their card in one archive."""
    console, kind = request.app[CONSOLE], request.match_info["format"]
    if kind not in FORMATS:
        raise web.HTTPNotFound()

    def pack() -> bytes:
        with tempfile.TemporaryDirectory(prefix="moyou-") as folder:
            out = Path(folder) / f"moyou-{kind}.{'csv' if kind == 'csv' else 'jsonl'}"
            export(console.journal.path, cast(Any, kind), out)
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in sorted(Path(folder).iterdir()):
                    archive.write(file, file.name)
            return packed.getvalue()

    headers = {"Content-Disposition": f'attachment; filename="moyou-{kind}.zip"'}
    data = await asyncio.to_thread(pack)
    return web.Response(body=data, content_type="application/zip", headers=headers)


# --- models


async def models_page(request: web.Request) -> web.Response:
    """GET /models?first=&second=: every tuned version; with two names, side by side."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    models, locale = console.settings.tuned, visitor.locale
    versions = await asyncio.to_thread(tuned_versions, models)
    first, second = request.query.get("first", ""), request.query.get("second", "")
    names = [version.name for version in versions]
    compared = None
    if first in names and second in names:
        compared = await asyncio.to_thread(compare_versions, models, first, second)
    status = console.engine.status()
    standing = await console.journal(trial_now, models)
    return console.pages.answer(
        "models.html",
        visitor,
        shipped=[(name, model["hash"], model["loaded"]) for name, model in status["models"].items()],
        versions=[
            {
                "version": version,
                "made": liking.day(version.made),
                "parent": parent_text(version, locale),
                "data": data_text(version, locale),
                "gain": gained_text(version, locale),
            }
            for version in versions
        ],
        tuned=await asyncio.to_thread(tuned_models, models),
        trial=None if standing is None else trial_text(standing, locale),
        tryable=await asyncio.to_thread(tryable, models),
        compared=compared,
        chosen=(first, second),
        changes=[
            (liking.day(change.at), change.action, name_of(change.model, change.after, locale))
            for change in reversed(await asyncio.to_thread(switches, models))
        ],
    )


async def promote(request: web.Request) -> web.Response:
    """POST /models/promote: `version` as MODEL/VERSION."""
    name = (await posted(request)).get("version", "")
    try:
        await asyncio.to_thread(promote_version, request.app[CONSOLE].settings.tuned, name)
    except ModelMissing as error:  # the page is older than what lies there
        raise web.HTTPNotFound() from error
    return redirect("/models")


async def try_live(request: web.Request) -> web.Response:
    """POST /models/trial: `version` as MODEL/VERSION."""
    name = (await posted(request)).get("version", "")
    try:
        await asyncio.to_thread(begin_trial, request.app[CONSOLE].settings.tuned, name)
    except ModelMissing as error:
        raise web.HTTPNotFound() from error
    return redirect("/models")


async def rollback(request: web.Request) -> web.Response:
    """POST /models/rollback: `model`."""
    model = (await posted(request)).get("model", "")
    try:
        await asyncio.to_thread(roll_back, request.app[CONSOLE].settings.tuned, model)
    except ModelMissing as error:
        raise web.HTTPNotFound() from error
    return redirect("/models")


# --- tasks


async def prompts_page(request: web.Request) -> web.Response:
    """GET /prompts: the tasks."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    return console.pages.answer("prompts.html", visitor, tasks=list(console.engine.tasks.values()))


async def prompt_page(request: web.Request) -> web.Response:
    """GET /prompts/{task}: how a task is made, and a form to try it."""
    return await _prompt(request)


async def try_prompt(request: web.Request) -> web.Response:
    """POST /prompts/{task}: write once; nothing is recorded."""
    console, visitor, task = request.app[CONSOLE], request[VISITOR], task_of(request)
    if task.source == "messages":
        raise BadInput()
    values = await posted(request)
    with on_behalf_of(visitor.person):
        reply = await console.engine.write(request_of(task, visitor.locale, values))
    view = view_of(console, reply, None, "reply", visitor.locale)
    if visitor.part:
        return console.pages.answer("_reply.html", visitor, view=view)
    return await _prompt(request, values, [view])


async def _prompt(
    request: web.Request, values: dict[str, str] | None = None, views: list[Any] | None = None
) -> web.Response:
    console, visitor, task = request.app[CONSOLE], request[VISITOR], task_of(request)
    decoding = {field.name: getattr(task.decoding, field.name) for field in dataclasses.fields(task.decoding)}
    return console.pages.answer(
        "prompt.html",
        visitor,
        task=task,
        decoding={name: value for name, value in decoding.items() if value not in (None, "", ())},
        fields=[] if task.source == "messages" else fields_of(task, visitor.locale, values or {}),
        options=[
            (
                titled(named(visitor.locale, option.names, option.name)),
                named(visitor.locale, option.description),
            )
            for option in task.options
        ],
        views=views or [],
    )


# --- settings


async def settings_page(request: web.Request) -> web.Response:
    """GET /settings: every setting as it is now; secrets only as set or not."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    return console.pages.answer(
        "settings.html", visitor, rows=settings_rows(console.settings, visitor.locale)
    )


def settings_rows(settings: Settings, locale: str) -> list[tuple[str, str, str, bool]]:
    """(name, value now, meaning, whether it is the default) of every setting."""
    rows = []
    for name, default in DEFAULTS.items():
        value = getattr(settings, name.removeprefix("MOYOU_").lower())
        if name in SECRETS:
            shown = say("manage.is_set" if value else "manage.not_set", locale)
            unchanged = not value
        else:
            shown = _shown(value)
            unchanged = shown == default
        rows.append((name, shown, say(f"about.{name}", locale), unchanged))
    return rows


def _shown(value: object) -> str:
    """A setting as one writes it in `.env`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if dataclasses.is_dataclass(value):
        ids, count = cast(Any, value).ids, cast(Any, value).count
        return f"{','.join(map(str, ids))}/{count}"
    return "" if value is None else str(value)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/report", report_page),
        web.get("/report.svg", report_picture),
        web.get("/export/{format}", export_file),
        web.get("/models", models_page),
        web.post("/models/promote", promote),
        web.post("/models/rollback", rollback),
        web.post("/models/trial", try_live),
        web.get("/prompts", prompts_page),
        web.get("/prompts/{task}", prompt_page),
        web.post("/prompts/{task}", try_prompt),
        web.get("/settings", settings_page),
    ]
