"""/summary and "summarise from here", against SimCord: private, linked, and honest about intents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.settings import Settings
from bot.splitting import split
from bot.summary import asked
from bot.summary_text import summary_text
from engine import Point, Summary, Topic
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


async def test_since_my_last_message(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        said = await talk(w)
        await w.bob.send(w.channel, "我带两个水壶和一张地图")
        await w.alice.slash(w.channel, "summary", since="mine")
        [messages] = w.engine.summarized
        assert [message.text for message in messages] == ["我带两个水壶和一张地图"]
        assert said[2].author.id == w.alice.id


async def test_the_last_hours(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        await w.alice.slash(w.channel, "summary", hours=1)
        [messages] = w.engine.summarized
        assert messages[0].text == "周六去爬山怎么样"
        assert len(messages) == 3


async def test_commands_to_bots_are_left_out(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await w.bob.send(w.channel, "!play 一首歌")
        await w.bob.send(w.channel, "周六七点集合")
        await w.alice.slash(w.channel, "summary")
        [messages] = w.engine.summarized
        assert [message.text for message in messages] == ["周六七点集合"]


async def test_several_channels_are_read_together_and_link_to_their_own(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        first = await w.bob.send(w.channel, "周六七点集合，南门")
        other = w.guild.create_text_channel("器材")
        second = await w.bob.send(other, "绳子和头盔都借好了")
        result = await w.alice.slash(w.channel, "summary", channels=f"<#{w.channel.id}> <#{other.id}>")
        content = result.response.content
        assert f"{w.guild.id}/{w.channel.id}/{first.id}" in content
        assert f"{w.guild.id}/{other.id}/{second.id}" in content


async def test_a_channel_that_the_asker_may_not_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        hidden = discord.PermissionOverwrite(view_channel=False)
        locked = w.guild.create_text_channel("密室", overwrites={w.bob: hidden})
        await w.alice.send(locked, "这里的话 bob 不能看到")
        asked_for = [f"<#{locked.id}>", "<#123456789012345678>", "器材"]
        contents = []
        for channels in asked_for:
            result = await w.bob.slash(w.channel, "summary", channels=channels)
            contents.append(result.response.content)
        assert "no such channel" in contents[0]
        assert len(set(contents)) == 1
        assert w.engine.summarized == []


async def test_long_reading_says_how_far_it_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.summary.PAGE", 2)
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        result = await w.alice.slash(w.channel, "summary", points=2)
        # the line gives way to the summary in the same answer
        assert "Reading messages" not in result.response.content
        assert "周六去爬山怎么样" in result.response.content


@pytest.mark.parametrize(
    ("filled", "count", "points"),
    [
        ({}, 100, 5),
        ({"count": "40", "length": "short"}, 40, 3),
        ({"hours": "3", "length": "long"}, 10_000, 10),
        ({"since": "mine", "points": "7", "length": "long"}, 10_000, 7),
        ({"hours": "3", "count": "20"}, 20, 5),
    ],
)
def test_what_the_options_ask_for(filled: dict[str, str], count: int, points: int) -> None:
    found = asked(filled)
    assert (found["count"], found["points"]) == (count, points)


def test_points_stand_under_their_topics_with_their_kinds() -> None:
    first = (Point("定在周六", "甲", ("1",), "decision"), Point("我带绳子", "乙", ("2",), "action"))
    second = (Point("谁去借车？", "丙", ("3",), "question"), Point("油钱平摊", "丁", ("4",)))
    topics = (Topic("爬山、周六", first), Topic("车", second))
    text = summary_text(Summary("爬山", (*first, *second), 40, topics=topics), {}, "zh-CN")
    lines = text.split("\n")
    assert lines[2:] == [
        "__爬山、周六__",
        "- `决定` 甲：定在周六",
        "- `待办` 乙：我带绳子",
        "__车__",
        "- `待定` 丙：谁去借车？",
        "- 丁：油钱平摊",
    ]
    few = summary_text(Summary("爬山", first, 40, topics=(Topic("爬山", first),)), {}, "en")
    assert "__" not in few
    assert "`to do`" in few
