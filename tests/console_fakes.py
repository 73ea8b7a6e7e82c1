"""A console that listens on a loopback socket, and visitors to it.

Everything is real but the engine (tests/fakes.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from aiohttp import web

from bot import console
from bot.settings import Settings
from engine import FormCheck, Journal, JournalThread, Problem, Reply, Request
from tests.fakes import FakeEngine, poem_check

if TYPE_CHECKING:
    from engine import Engine

SAME = {"Sec-Fetch-Site": "same-origin"}
PART = {**SAME, "X-Moyou-Part": "1"}
TALK_HASH = "4567ef012345"


class ConsoleEngine(FakeEngine):
    """The fake engine with what only the console asks for; `form` replaces the check of verse."""

    def __init__(self) -> None:
        super().__init__()
        self.form: FormCheck | None = None

    async def write(self, request: Request) -> Reply:
        reply = await super().write(request)
        return replace(reply, form=self.form) if reply.form and self.form else reply

    def status(self) -> dict[str, Any]:
        models = {"talk": {"hash": TALK_HASH, "loaded": True}, "verse": {"hash": "", "loaded": False}}
        return {"models": models, "reward_model": "", "waiting": 3}


def broken_check() -> FormCheck:
    """The poem's check with its first character against the pattern."""
    form = poem_check()
    first, *others = form.lines
    first = (replace(first[0], wanted="平", ok=False), *first[1:])
    return replace(
        form, ok=False, lines=(first, *others), problems=(Problem(1, 1, "tone"),), relaxed=("tone",)
    )


@dataclass(frozen=True)
class Served:
    """The console's address and what is behind it."""

    address: str
    engine: ConsoleEngine
    journal: JournalThread

    async def signals(self) -> list[tuple[str, float, str]]:
        """Standing judgements as (generation, value, reason)."""
        return [(s.generation, s.value, s.reason) for s in await self.journal(Journal.signals)]


@asynccontextmanager
async def served(
    folder: Path, started: asyncio.Event | None = None, **settings: Any
) -> AsyncIterator[Served]:
    """A console on a port of its own with a journal in `folder`; `settings` are fields of Settings."""
    engine, chosen = ConsoleEngine(), Settings(**settings)
    async with JournalThread(folder / "journal.db", chosen.keep_words_hours) as journal:
        app = console.build(cast("Engine", engine), journal, chosen, started)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            yield Served(f"http://127.0.0.1:{port}", engine, journal)
        finally:
            await runner.cleanup()


class Visitor:
    """A browser as far as HTTP goes: cookies, a language, the headers of a page's own requests."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.page = ""

    async def get(self, path: str, **options: Any) -> aiohttp.ClientResponse:
        return await self._request("GET", path, **options)

    async def post(self, path: str, data: Any = None, **options: Any) -> aiohttp.ClientResponse:
        return await self._request("POST", path, data=data or {}, **{"headers": SAME, **options})

    async def part(self, path: str, data: Any = None) -> aiohttp.ClientResponse:
        return await self.post(path, data, headers=PART)

    async def _request(self, method: str, path: str, **options: Any) -> aiohttp.ClientResponse:
        async with self.session.request(method, path, **options) as response:
            self.page = await response.text()
            return response


@asynccontextmanager
async def visiting(address: str, language: str = "zh-CN") -> AsyncIterator[Visitor]:
    """Somebody new at the console."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    headers = {"Accept-Language": language}
    async with aiohttp.ClientSession(address, cookie_jar=jar, headers=headers) as session:
        yield Visitor(session)
