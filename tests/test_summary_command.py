"""/summary and "summarise from here", against SimCord: private, linked, and honest about intents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.settings import Settings
from bot.splitting import split
from bot.summary import summary_text
from engine import Point, Summary
from tests.discord_world import world

READING = Settings(message_content=True)


async def talk(w: Any) -> list[discord.Message]:
    return [
        await w.alice.send(w.channel, "周六去爬山怎么样"),
        await w.bob.send(w.channel, f"好啊 {w.alice.mention} 几点出发"),
        await w.alice.send(w.channel, "早上七点在南门集合"),
    ]


async def test_a_summary_is_private_and_every_point_links_to_its_messages(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        said = await talk(w)
        result = await w.alice.slash(w.channel, "summary", points=2)
        assert result.ephemeral
        assert result.response is not None
        content = result.response.content
        for message in said[:2]:
            assert f"https://discord.com/channels/{w.guild.id}/{w.channel.id}/{message.id}" in content
        assert str(said[2].id) not in content
        assert "@someone" in content
        assert w.sent() == []


async def test_what_the_engine_reads(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        said = await talk(w)
        await w.bob.send(w.channel, "可以", reply_to=said[2])
        await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.slash(w.channel, "summary", count=4)
        [messages] = w.engine.summarized
        # the newest four are two of the talk, the reply, and the mention; the bot's own answer is left out
        assert [message.text for message in messages] == ["早上七点在南门集合", "可以", "@someone 你好"]
        assert messages[1].reply_to == messages[0].id
        assert messages[0].author == "alice"
        assert messages[0].minute <= messages[1].minute


async def test_the_menu_begins_at_the_message(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        said = await talk(w)
        result = await w.bob.context_menu(w.channel, "从这里开始总结", said[1])
        assert result.ephemeral
        [messages] = w.engine.summarized
        assert [message.id for message in messages] == [str(message.id) for message in said[1:]]


async def test_without_the_intent_it_explains(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        said = await talk(w)
        for result in (
            await w.alice.slash(w.channel, "summary"),
            await w.alice.context_menu(w.channel, "从这里开始总结", said[0]),
        ):
            assert result.ephemeral
            assert "Message Content intent" in result.response.content
        assert w.engine.summarized == []


async def test_who_may_not_read_the_history_gets_no_summary(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        hidden = discord.PermissionOverwrite(read_message_history=False)
        locked = w.guild.create_text_channel("密室", overwrites={w.bob: hidden})
        result = await w.bob.slash(locked, "summary")
        assert "may not read" in result.response.content
        assert w.engine.summarized == []


async def test_an_empty_channel_has_nothing_to_summarise(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        result = await w.alice.slash(w.channel, "summary")
        assert result.ephemeral
        assert "nothing to summarise" in result.response.content


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en-US"])
def test_points_are_escaped_shortened_and_split_between_links(locale: str) -> None:
    points = tuple(Point("**重要**" + "长" * 400, "阿_甲_", ("1", "2", "missing")) for _ in range(12))
    links = {"1": "https://discord.com/channels/1/2/1", "2": "https://discord.com/channels/1/2/2"}
    text = summary_text(Summary("标题", points, 30), links, locale)
    assert "\\*\\*重要" in text
    assert "阿\\_甲\\_" in text
    parts = split(text)
    assert len(parts) > 1
    for part in parts:
        assert part.count("](<https://") == part.count(">)")
