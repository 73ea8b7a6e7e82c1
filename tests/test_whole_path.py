"""The loop closes, with nothing made up but the people: console → engine → journal → tune → engine.

Real sockets, real (tiny) models trained here, the real command line; people like replies with 好 in them.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

from bot import console
from bot.settings import Settings
from engine import Engine, Fact, Journal, JournalThread, NothingGood, Place, Reply, Request
from tests import tiny

PROMPT = """
model = "talk"
condition = "<chat> {text}"
name = {en = "chat", zh-CN = "聊天"}
description = {en = "Talk", zh-CN = "聊聊"}
[options.text]
main = true
required = true
name = {en = "text", zh-CN = "内容"}
description = {en = "Words", zh-CN = "话"}
[decoding]
temperature = 1.0
nucleus = 1.0
max_tokens = 9
drafts = 8
no_repeat = 0
"""
LIKED = "好"


def command(*words: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-m", "engine", *words, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


async def in_the_browser(engine: Engine, journal: JournalThread, settings: Settings) -> None:
    """One chat and one 👍 through a socket, as a form that a browser without scripts would send."""
    async with (
        TestServer(console.build(engine, journal, settings)) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        base = str(server.make_url("/"))
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": base.rstrip("/")}
        async with session.get(base) as answer:
            token = re.search(r'name="form_token" value="([^"]+)"', await answer.text())
        assert token is not None
        fields = {"form_token": token.group(1)}
        async with session.post(f"{base}chat", data={**fields, "text": "你好"}, headers=headers) as answer:
            page = await answer.text()
        found = re.search(r"/reply/([0-9a-z-]+)/opinion", page)
        assert found is not None, page
        async with session.post(
            f"{base}reply/{found.group(1)}/opinion", data={**fields, "value": "1"}, headers=headers
        ) as answer:
            assert answer.status == 200
    counts = await journal(Journal.counts)
    assert (counts.generations, counts.signals, counts.likes) == (1, 1, 1)


async def replies(engine: Engine, seeds: range) -> list[Reply]:
    async def one(seed: int) -> Reply | None:
        try:
            return await engine.write(Request("chat", f"第{seed % 7}次", seed=seed))
        except NothingGood:
            return None

    return [reply for reply in await asyncio.gather(*(one(seed) for seed in seeds)) if reply is not None]


async def test_reactions_become_a_better_model_and_can_be_taken_back(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    models = tiny.tiny_models(tmp_path / "m")
    prompts, tuned, file = tmp_path / "prompts", tmp_path / "tuned", tmp_path / "journal.db"
    prompts.mkdir()
    (prompts / "chat.toml").write_text(PROMPT, "utf-8")
    settings = Settings(data=tmp_path, models=models, prompts=prompts)
    async with (
        Engine(models=models, prompts=prompts, tuned=tuned, queue=1000, deadline=120, book=False) as engine,
        JournalThread(file) as journal,
    ):
        await in_the_browser(engine, journal, settings)
        for number, reply in enumerate(await replies(engine, range(300))):
            request = Request("chat", f"第{reply.seed % 7}次", seed=reply.seed)
            await journal(Journal.record, request, reply, "asker", Place("console"))
            value = 1.0 if LIKED in reply.text else -1.0
            await journal(Journal.react, Fact(reply.generation, f"person{number % 14}", "button", value))

        before = await replies(engine, range(1000, 1040))
        report = command("tune", "--journal", str(file), "--models", str(tuned), "--no-promote")
        assert [r.text for r in await replies(engine, range(1000, 1040))] == [r.text for r in before]

        version = command("promote", "reward", "--models", str(tuned))["version"]
        after = await replies(engine, range(1000, 1040))
        assert {reply.reward_model for reply in after} == {version}, report
        assert sum(LIKED in r.text for r in after) > sum(LIKED in r.text for r in before) + 6
        assert [[d.text for d in r.drafts] for r in after] == [[d.text for d in r.drafts] for r in before]

        command("rollback", "reward", "--models", str(tuned))
        back = await replies(engine, range(1000, 1040))
        assert [(r.text, r.drafts, r.chosen) for r in back] == [(r.text, r.drafts, r.chosen) for r in before]
