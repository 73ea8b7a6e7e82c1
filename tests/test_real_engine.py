"""Discord and the engine together, nothing between them made up: real client, models, queue and journal.

Discord is SimCord, the models are tiny ones trained here, so what is written is nonsense in good form.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from bot import digest
from bot.settings import Settings
from engine import Engine, Journal
from tests import tiny
from tests.discord_world import World, world

SETTLE = 0.8 * digest.EVERY
"""Seconds that a slow machine gets to write; SimCord's own limit is for bots that only answer.

It would advance its clock to whatever is due within them, and then wait for that to end: digests are looked
for again and again.
"""
NO_DEADLINE = 1e9
"""SimCord's clock stands still on the event loop and nowhere else, so here no thread may compare times."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def engine(models: Path) -> Iterator[Engine]:
    engine = Engine(models=models, deadline=NO_DEADLINE)
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.close())


@asynccontextmanager
async def moyou(tmp_path: Path, engine: Engine) -> AsyncIterator[World]:
    real: Any = engine
    async with world(tmp_path, real, settings=Settings(data=tmp_path), settle_timeout=SETTLE) as w:
        yield w


async def values(w: World) -> list[float]:
    return [signal.value for signal in await w.journal(Journal.signals)]


async def test_a_mention_is_answered_judged_and_the_judgement_taken_back(
    tmp_path: Path, engine: Engine
) -> None:
    async with moyou(tmp_path, engine) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        [answer] = w.sent()
        generation = await w.journal(Journal.generation_of, answer.id)
        assert generation is not None
        reply = await w.journal(Journal.reply, generation)
        assert reply is not None
        assert reply.model.startswith("talk@")
        assert answer.content == reply.text
        await w.bob.react(answer, "👍")
        [signal] = await w.journal(Journal.signals)
        assert (signal.generation, signal.kind, signal.value) == (generation, "reaction", 1.0)
        [judged] = await w.journal(Journal.judged)
        assert (judged.task, judged.value) == ("chat", 1.0)
        await w.bob.unreact(answer, "👍")
        assert await values(w) == []


async def test_a_poem_shows_its_form_check_and_can_be_varied(tmp_path: Path, engine: Engine) -> None:
    async with moyou(tmp_path, engine) as w:
        result = await w.alice.slash(w.channel, "poem", theme="秋夜", form="wujue")
        assert result.response is not None
        first = await reply_of(w, result.response)
        assert first.lines is not None
        assert [len(line) for line in first.lines] == [5] * 4
        content = result.response.content
        assert content.startswith("**秋夜**\n" + "\n".join(first.lines))
        assert "五绝 · " in content
        assert "字数 ✓ · 平仄 " in content
        assert " 韵：" in content

        near = await w.bob.click(result.response, custom_id=f"moyou:vary:{first.generation}")
        assert near.response is not None
        varied = await reply_of(w, near.response)
        assert varied.decoding["near"] == list(first.latent)
        assert varied.lines is not None
        assert [len(line) for line in varied.lines] == [5] * 4
        assert varied.latent != first.latent
        await w.bob.click(near.response, custom_id=f"moyou:down:{varied.generation}")
        assert await values(w) == [-1.0]


async def reply_of(w: World, message: Any) -> Any:
    generation = await w.journal(Journal.generation_of, message.id)
    assert generation is not None
    return await w.journal(Journal.reply, generation)


async def test_who_is_in_danger_gets_a_fixed_sentence_and_nothing_of_it_is_kept(
    tmp_path: Path, engine: Engine
) -> None:
    async with moyou(tmp_path, engine) as w:
        await w.alice.send(w.channel, f"{w.me} 我不想活了")
        asked = await w.alice.slash(w.channel, "continue", text="I want to kill myself")
        assert asked.response is not None
        [said, written] = w.sent()
        assert "12356" in said.content
        assert "988" in written.content
        for message in (said, written):
            assert message.components == []
            await w.bob.react(message, "👍")
        counts = await w.journal(Journal.counts)
        assert (counts.generations, counts.signals) == (0, 0)
        assert list(await w.journal(Journal.judged)) == []


async def test_when_too_many_wait_a_sentence_says_so_and_nothing_is_lost(
    tmp_path: Path, models: Path
) -> None:
    release = threading.Event()
    async with (
        Engine(models=models, queue=1, deadline=NO_DEADLINE, book=False) as narrow,
        moyou(tmp_path, narrow) as w,
    ):
        other = asyncio.create_task(narrow._workers.run(release.wait))
        await asyncio.sleep(0)  # it has the only place from here on
        try:
            await w.alice.send(w.channel, f"{w.me} 你好")
            [refusal] = w.sent()
            assert "正在等待的人太多了（1 位）" in refusal.content
            assert refusal.components == []
            assert (await w.journal(Journal.counts)).generations == 0
        finally:
            release.set()
        assert await other
        await w.alice.slash(w.channel, "poem")
        assert (await w.journal(Journal.counts)).generations == 1
