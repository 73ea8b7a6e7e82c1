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
from engine import Engine, Journal, JournalThread, NothingGood, Reply, Request
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


async def in_the_browser(
    engine: Engine, journal: JournalThread, settings: Settings, people: int, wanted: int
) -> None:
    """Chats and opinions through sockets, as forms that browsers without scripts send, until `wanted`
    opinions stand: 👍 for what says 好, 👎 for the rest."""
    async with TestServer(console.build(engine, journal, settings)) as server:
        base = str(server.make_url("/"))
        each = [person(base, number, -(-wanted // people)) for number in range(people)]
        await asyncio.gather(*each)
    counts = await journal(Journal.counts)
    assert counts.signals >= wanted
    assert counts.people == people


async def person(base: str, number: int, opinions: int) -> None:
    """One browser with its own cookies."""
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": base.rstrip("/")}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(base) as answer:
            token = re.search(r'name="form_token" value="([^"]+)"', await answer.text())
        assert token is not None
        fields, judged, last = {"form_token": token.group(1)}, 0, [""]
        for turn in range(4 * opinions):
            words = {**fields, "text": f"第{(number + turn) % 7}次"}
            async with session.post(f"{base}chat", data=words, headers=headers) as answer:
                page = await answer.text()
            found = re.findall(r'id="reply-([0-9a-z-]+)"', page)
            said = re.findall(r'data-copy="([^"]*)"', page)
            if found[-1:] in ([], last):  # nothing good came to mind
                continue
            last = found[-1:]
            value = "1" if LIKED in said[-1] else "-1"
            url = f"{base}reply/{found[-1]}/opinion"
            async with session.post(url, data={**fields, "value": value}, headers=headers) as answer:
                assert answer.status == 200
            judged += 1
            if judged == opinions:
                return


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
        await in_the_browser(engine, journal, settings, people=15, wanted=300)

        before = await replies(engine, range(1000, 1040))
        report = command("tune", "--journal", str(file), "--models", str(tuned), "--no-promote")
        assert [r.text for r in await replies(engine, range(1000, 1040))] == [r.text for r in before]

        assert report["refusal"] is None
        anew = report["rechosen"]
        assert isinstance(anew, dict)
        assert anew["replies"] >= 60
        assert anew["doubly_robust"]["high"] > 0
        version = command("promote", "reward", "--models", str(tuned))["version"]
        after = await replies(engine, range(1000, 1040))
        assert {reply.reward_model for reply in after} == {version}, report
        assert sum(LIKED in r.text for r in after) > sum(LIKED in r.text for r in before) + 6
        assert [[d.text for d in r.drafts] for r in after] == [[d.text for d in r.drafts] for r in before]

        command("rollback", "reward", "--models", str(tuned))
        back = await replies(engine, range(1000, 1040))
        assert [(r.text, r.drafts, r.chosen) for r in back] == [(r.text, r.drafts, r.chosen) for r in before]
