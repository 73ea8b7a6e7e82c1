"""/summary and "summarise from here", against SimCord: private, linked, and honest about intents."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.attachments import LARGEST_LOG
from bot.settings import Settings
from bot.splitting import split
from bot.summary import _progress, asked
from bot.summary_reading import _said
from bot.summary_text import summary_text
from engine import Journal, Point, Summary, Topic, leave_out
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


def test_a_point_pings_nobody_and_opens_no_preview() -> None:
    point = Point("@everyone 见 https://example.org/a_b <@123456789012345678>", "@here", ("1",))
    text = summary_text(Summary("", (point,), 1), {}, "en")
    assert "@everyone" not in text
    assert "@here" not in text
    assert "<@123456789012345678>" not in text
    assert "<https://example.org/a_b>" in text


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
    monkeypatch.setattr("bot.summary.EVERY", 0.0)
    monkeypatch.setattr("bot.summary_reading.PAGE", 2)
    async with world(tmp_path, settings=READING) as w:
        for _ in range(2):
            await talk(w)
        result = await w.alice.slash(w.channel, "summary", points=2)
        edits = [each.json["content"] for each in w.calls("PATCH", "/messages/@original")]
        assert [text for text in edits if "Reading" in text] == [
            f"Reading messages, {count} so far…" for count in (2, 4, 6)
        ]
        # the line gives way to the summary in the same answer
        assert "Reading messages" not in result.response.content
        assert "周六去爬山怎么样" in result.response.content


async def test_how_far_reading_has_come_is_said_at_a_polite_rate() -> None:
    edits: list[str] = []
    seconds = iter([0.0, 1.0, 4.9, 5.0, 5.0, 6.0, 10.1, 10.1])

    class Interaction:
        locale = "en-US"

        async def edit_original_response(self, *, content: str) -> None:
            edits.append(content)
            raise discord.HTTPException(SimpleNamespace(status=500, reason=""), "")  # type: ignore[arg-type]

    progress = _progress(cast(Any, Interaction()), lambda: next(seconds))
    for count in (100, 200, 300, 400, 500):
        await progress(count)
    # an edit that fails is no reason to stop
    assert edits == ["Reading messages, 300 so far…", "Reading messages, 500 so far…"]


async def test_reading_stops_in_time_to_answer_and_says_that_there_is_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.summary.PATIENCE", datetime.timedelta(seconds=-1))
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        result = await w.alice.slash(w.channel, "summary")
        assert "nothing to summarise" in result.response.content
    monkeypatch.setattr("bot.summary.PATIENCE", datetime.timedelta(minutes=13))
    monkeypatch.setattr("bot.summary.MOST", 2)
    async with world(tmp_path / "more", settings=READING) as w:
        said = await talk(w)
        for options in ({"hours": 5}, {"since": "mine"}):
            result = await w.bob.slash(w.channel, "summary", **options)
            # of too many the newest are read
            assert ("not read" in result.response.content) == ("hours" in options)
            assert w.engine.summarized[-1][-1].id == str(said[2].id)
        result = await w.bob.slash(w.channel, "summary", count=2)
        assert "not read" not in result.response.content
        result = await w.bob.context_menu(w.channel, "从这里开始总结", said[0])
        assert "not read" in result.response.content
        assert w.engine.summarized[-1][-1].id == str(said[2].id)


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
    wanted = asked(filled)
    now = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
    interaction = cast(Any, SimpleNamespace(created_at=now, user=SimpleNamespace(id=7)))
    span = wanted.span(interaction, 1)
    assert (span.count, wanted.points) == (count, points)
    assert span.after == (now - datetime.timedelta(hours=3) if "hours" in filled else None)
    assert span.mine == (7 if "since" in filled else None)
    # several channels share what is read at most
    assert wanted.span(interaction, 5).count == min(count, 2000)


async def test_who_is_left_out_is_not_read(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        carol = w.guild.add_member(w.env.create_user("carol"))
        await talk(w)
        await carol.send(w.channel, "我带两个水壶和一张地图")
        await w.journal(leave_out, str(w.guild.id), [str(w.alice.id)], True)
        await w.journal(Journal.set_keep, str(carol.id), False)
        await w.bob.slash(w.channel, "summary")
        [messages] = w.engine.summarized
        assert [message.author for message in messages] == ["bob"]
        # and not even for themselves
        await w.alice.slash(w.channel, "summary")
        assert [message.author for message in w.engine.summarized[-1]] == ["bob"]
        await w.journal(leave_out, str(w.guild.id), [str(w.bob.id)], True)
        assert "nothing to summarise" in (await w.bob.slash(w.channel, "summary")).response.content


async def test_reactions_answers_and_threads_are_read(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        said = await talk(w)
        for who in (w.alice, w.bob):
            await who.react(said[2], "👍")
        await w.alice.react(said[2], "🎉")
        await w.bob.send(w.channel, "可以", reply_to=said[0])
        thread = await said[1].create_thread(name="几点出发")
        [handle] = w.channel.threads
        for text in ("七点吧", "七点半行吗"):
            await w.alice.send(handle, text)
        await w.alice.slash(w.channel, "summary")
        first, second, third, reply = w.engine.summarized[-1]
        assert [each.reactions for each in (first, second, third)] == [0, 0, 3]
        assert reply.reply_to == first.id
        await w.alice.slash(handle, "summary")
        assert [each.text for each in w.engine.summarized[-1]] == ["七点吧", "七点半行吗"]
        assert thread.id == handle.id


def test_what_stands_under_a_message_is_counted_but_our_own_reaction() -> None:
    author = SimpleNamespace(id=1, bot=False, display_name="a", name="a")
    reactions = [SimpleNamespace(count=2, me=True), SimpleNamespace(count=1, me=False)]
    message = SimpleNamespace(
        type=discord.MessageType.default,
        author=author,
        content="周六七点集合",
        reference=None,
        id=1,
        created_at=datetime.datetime.now(datetime.UTC),
        reactions=reactions,
        thread=SimpleNamespace(message_count=4),
        jump_url="",
    )
    said = _said(cast(discord.Message, message), "zh-CN")
    assert said is not None
    assert (said.message.reactions, said.message.replies) == (2, 4)


async def test_two_people_of_one_name_are_told_apart(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        for name in ("one", "two"):
            user = w.env.create_user(name)
            w.env.backend.users[user.id].global_name = "小明"
            await w.guild.add_member(user).send(w.channel, f"我是{name}，带两个水壶")
        await w.alice.slash(w.channel, "summary")
        assert [each.author for each in w.engine.summarized[-1]] == ["小明 (one)", "小明 (two)"]


async def test_an_old_thread_is_found_by_its_id_and_a_private_one_by_those_in_it(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        channel = w.bot.get_channel(w.channel.id)
        private = await channel.create_thread(name="密谈", type=discord.ChannelType.private_thread)
        await private.add_user(discord.Object(w.alice.id))
        handle = next(each for each in w.channel.threads if each.id == private.id)
        await w.alice.send(handle, "这里的话 bob 不能看到")
        mention = f"<#{private.id}>"
        refused = await w.bob.slash(w.channel, "summary", channels=mention)
        assert "no such channel" in refused.response.content
        result = await w.alice.slash(w.channel, "summary", channels=mention)
        assert "不能看到" in result.response.content
        await private.edit(archived=True)
        w.bot.get_guild(w.guild.id)._remove_thread(private)
        result = await w.alice.slash(
            w.channel, "summary", channels=f"https://discord.com/channels/1/{private.id}"
        )
        assert "不能看到" in result.response.content


async def test_what_the_bot_may_not_read_is_said(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        channel = w.bot.get_channel(w.channel.id)
        await channel.set_permissions(w.bot.get_guild(w.guild.id).me, read_message_history=False)
        for options in ({}, {"channels": f"<#{w.channel.id}>"}):
            result = await w.alice.slash(w.channel, "summary", **options)
            assert "I may not read" in result.response.content
        assert w.engine.summarized == []


async def test_a_summary_may_be_shown_to_all_who_may_read_what_it_tells(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        result = await w.alice.slash(w.channel, "summary", private=False, points=2)
        assert not result.ephemeral
        assert "only you" not in result.response.content
        guild = w.bot.get_guild(w.guild.id)
        assert guild is not None
        hidden = discord.PermissionOverwrite(view_channel=False)
        shown = discord.PermissionOverwrite(view_channel=True)
        locked = w.guild.create_text_channel(
            "密室", overwrites={guild.default_role: hidden, w.alice: shown, guild.me: shown}
        )
        await w.alice.send(locked, "只有 alice 知道的事情")
        refused = await w.alice.slash(w.channel, "summary", private=False, channels=f"<#{locked.id}>")
        assert refused.ephemeral
        assert "can only be private" in refused.response.content
        told = await w.alice.slash(w.channel, "summary", channels=f"<#{locked.id}>")
        assert told.ephemeral
        assert "知道的事情" in told.response.content
        # the other way round everybody here may read what is told
        open_ = await w.alice.slash(locked, "summary", private=False, channels=f"<#{w.channel.id}>")
        assert not open_.ephemeral


async def test_a_refusal_comes_before_anything_is_read(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        await talk(w)
        await w.bot.guild_settings.change(w.guild.id, summaries=False)
        before = len(w.calls("GET", "/messages"))
        result = await w.bob.slash(w.channel, "summary")
        assert "Summaries are off" in result.response.content
        assert len(w.calls("GET", "/messages")) == before


LOG = "小明：周五晚上一起吃火锅吗\n小红：好呀，六点在老地方见\n小刚：我可能晚一点到，先点菜"


async def test_a_file_is_summarised_even_without_the_intent(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "summary", file=("群聊.txt", LOG.encode("gb18030")), points=2)
        assert result.ephemeral
        content = result.response.content
        assert "群聊.txt" in content
        assert "周五晚上一起吃火锅吗 (#1)" in content.replace("\\", "")
        assert "https://" not in content
        assert [each.author for each in w.engine.summarized[-1]] == ["小明", "小红", "小刚"]
        rows = [
            {"content": line, "author": {"name": "a", "isBot": line == "x"}}
            for line in ("第一句话在这里", "x")
        ]
        export = json.dumps({"messages": rows}).encode()
        await w.alice.slash(w.channel, "summary", file=("log.json", export))
        assert [each.text for each in w.engine.summarized[-1]] == ["第一句话在这里"]
        await w.alice.slash(w.channel, "summary", file=("log.txt", LOG.encode()), count=2)
        assert [each.author for each in w.engine.summarized[-1]] == ["小红", "小刚"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", b"x", "cannot be read as text"),
        ("a.txt", b"\x00" * 5000, "cannot be read as text"),
        ("a.txt", b" \n", "nothing to summarise"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ', "line 2 is not JSON"),
        ("a.txt", b"a" * (LARGEST_LOG + 1), "too large"),
    ],
)
async def test_a_file_that_cannot_be_read_gets_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "summary", file=(name, content))
        assert result.ephemeral
        assert said in result.response.content
        assert w.engine.summarized == []


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
    assert lines[1] == "-# 读了 40 条消息 · 只有你能看到 · 决定 1 · 待办 1 · 待定 1"
    few = summary_text(Summary("爬山", first, 40, topics=(Topic("爬山", first),)), {}, "en")
    assert "__" not in few
    assert "`to do`" in few
