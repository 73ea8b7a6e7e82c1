"""Renders the console's pages: templates, words in the visitor's language, versions of static files.

Knows: Jinja2, the templates' folder, how names are picked by locale.
Does not know: requests, the engine, what a page is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from bot.console import verse
from bot.console.state import Visitor
from bot.wording import language, language_of, say, traditional
from engine import Task

HERE = Path(__file__).parent
STATIC_FOLDER = HERE / "static"


class Pages:
    """The templates with what every page needs: tasks for the menu, words, links to static files."""

    def __init__(self, tasks: Mapping[str, Task], *, can_leave: bool) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        versions = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            for path in sorted(STATIC_FOLDER.iterdir())
        }
        self._environment.globals.update(
            menu=[task for task in tasks.values() if task.name != "chat"],
            can_leave=can_leave,
            announce="",
            static=lambda name: f"/static/{name}?v={versions[name]}",
            language_of=language_of,
            latent_bars=verse.latent_bars,
        )

    def compile(self) -> None:
        """Compiles every template, which takes about a second: for a thread of its own, at start."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def answer(self, template: str, visitor: Visitor, *, status: int = 200, **values: Any) -> web.Response:
        """A page, or a piece of one, as a response."""
        return web.Response(
            text=self.render(template, visitor, **values),
            status=status,
            content_type="text/html",
            charset="utf-8",
        )

    def render(self, template: str, visitor: Visitor, **values: Any) -> str:
        locale = visitor.locale
        return self._environment.get_template(template).render(
            visitor=visitor,
            locale=locale,
            say=partial(_say, locale),
            listed=partial(_listed, locale),
            named=partial(named, locale),
            titled=lambda names, otherwise="": titled(named(locale, names, otherwise)),
            **values,
        )


def _say(locale: str, key: str, /, otherwise: str | None = None, **fields: object) -> str:
    """The words of a key; `otherwise` for keys that are built from names the engine may add to."""
    if otherwise is None:
        return say(key, locale, **fields)
    try:
        return say(key, locale, **fields)
    except KeyError:
        return otherwise


def _listed(locale: str, prefix: str, names: Iterable[str]) -> str:
    """The words of several keys that begin alike, as a list within a sentence."""
    return say("console.list_comma", locale).join(_say(locale, prefix + name, name) for name in names)


def named(locale: str, names: Mapping[str, str], otherwise: str = "") -> str:
    """A name in the visitor's language; traditional characters are made from simplified ones."""
    if locale in names:
        return names[locale]
    spoken = language(locale)
    if spoken in names:
        return names[spoken]
    if spoken == "zh-TW" and "zh-CN" in names:
        return traditional(names["zh-CN"])
    return names.get("en", otherwise)


def titled(name: str) -> str:
    """A name as a title: commands are lower case, titles begin with a capital."""
    return name[:1].upper() + name[1:]
