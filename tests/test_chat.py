"""Conversation on Discord, against SimCord: discord.py's real parser, cache and views."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.settings import Settings
from engine import Journal, QueueFull, TooSlow
from tests.discord_world import World, world


async def test_a_mention_is_answered_in_one_send_that_pings_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好 {w.bob.mention}")
        [answer] = w.sent()
        assert answer.content == "你好 @某人!"
        assert answer.reference is not None
        assert answer.reference.message_id == message.id
        assert [request.locale for request in w.engine.asked] == ["zh-CN"]
        [send] = [
            call for call in w.env.http_requests if call.method == "POST" and call.path.endswith("/messages")
        ]
        assert send.json["allowed_mentions"] == {"parse": [], "replied_user": False}
        generation = await w.journal(Journal.generation_of, answer.id)
        assert generation == "fake-0001"


async def test_a_text_in_english_is_answered_as_english(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} hello {w.bob.mention}")
        assert [request.locale for request in w.engine.asked] == ["en"]
        assert w.sent()[0].content == "hello @someone!"


async def test_who_writes_traditional_characters_reads_them_and_the_journal_keeps_the_original(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        w.engine.text = lambda request: "头发白了"
        await w.alice.send(w.channel, f"{w.me} 會怎麼樣？")
        [answer] = w.sent()
        assert answer.content == "頭髮白了"
        labels = [button.label for button in answer.components[0].children]
        assert labels == [None, None, "再來", "變一變", "緣由"]
        reply = await w.journal(Journal.reply, "fake-0001")
        assert reply is not None
        assert reply.text == "头发白了"
        await w.alice.send(w.channel, "你好", reply_to=answer)  # said in either script
        assert [each.content for each in w.sent()] == ["頭髮白了"] * 2
        assert [request.locale for request in w.engine.asked] == ["zh-TW", "zh-TW"]
        assert w.engine.asked[1].context == ("會怎麼樣？", "头发白了")


async def test_direct_messages_are_a_conversation_without_mentions(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send_dm("早上好")
        await w.alice.send_dm("吃了吗")
        assert [request.text for request in w.engine.asked] == ["早上好", "吃了吗"]
        assert w.engine.asked[1].context == ("早上好", "早上好!")


async def test_what_does_not_speak_to_the_bot_is_left_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, "大家好")
        await w.alice.send(w.channel, "@everyone 开会了")
        said = await w.bob.send(w.channel, "嗯")
        await w.alice.send(w.channel, "同意", reply_to=said)
        assert w.engine.asked == []
        assert w.sent() == []


async def test_bots_and_webhooks_are_never_answered(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        other = w.guild.add_member(w.env.create_user("otherbot", bot=True))
        await other.send(w.channel, f"{w.me} hello")
        await w.guild.create_webhook(w.channel, "hook").send(f"{w.me} hello")
        assert w.sent() == []


async def test_the_reply_chain_is_the_context_and_turns_alternate(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 一")
        await w.bob.send(w.channel, "无关的话")
        await w.bob.send(w.channel, "二", reply_to=w.sent()[-1])
        await w.alice.send(w.channel, "三", reply_to=w.sent()[-1])
        last = w.engine.asked[-1]
        assert last.text == "三"
        assert last.context == ("一", "一!", "二", "二!")


async def test_another_persons_message_that_is_replied_to_belongs_to_the_text(tmp_path: Path) -> None:
    settings = Settings(message_content=True)
    async with world(tmp_path, settings=settings) as w:
        said = await w.bob.send(w.channel, "月亮真圆")
        await w.alice.send(w.channel, f"{w.me} 接一句", reply_to=said)
        assert w.engine.asked[-1].text == "月亮真圆\n接一句"
        assert w.engine.asked[-1].context == ()
        await w.alice.send(w.channel, w.me, reply_to=said)
        assert w.engine.asked[-1].text == "月亮真圆"


async def test_a_mention_without_words_gets_a_greeting(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, w.me)
        assert "/poem" in w.sent()[0].content
        assert w.engine.asked == []


async def test_a_reply_that_discord_does_not_show_is_explained(tmp_path: Path) -> None:
    async with world(tmp_path, approved_intents=discord.Intents.default()) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        stored = w.sent()[-1]
        w.env.backend.emit("MESSAGE_CREATE", unreadable_reply(w, stored))
        await w.env.settle()
        assert "@ 我" in w.sent()[-1].content
        assert len(w.engine.asked) == 1


def unreadable_reply(w: World, replied: discord.Message) -> dict[str, Any]:
    """A reply without a ping, as Discord delivers it without the Message Content intent."""
    from simcord.backend import serializers

    stored = w.env.backend.get_message(w.channel.id, replied.id)
    payload: dict[str, Any] = dict(serializers.message_payload(w.env.backend, stored))
    author = dict(serializers.user_payload(w.env.backend.get_user(w.alice.id)))
    return {
        **payload,
        "id": str(int(payload["id"]) + (60_000 << 22)),
        "type": 19,
        "author": author,
        "content": "",
        "components": [],
        "mentions": [],
        "guild_id": str(w.guild.id),
        "message_reference": {"type": 0, "channel_id": str(w.channel.id), "message_id": str(replied.id)},
        "referenced_message": payload,
    }


async def test_an_event_delivered_twice_is_answered_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        await w.bot.on_message(message)
        assert len(w.sent()) == 1


@pytest.mark.parametrize(
    ("text", "said"), [("你好", "等待的人太多了(7 位)"), ("hello", "Too many people are waiting (7)")]
)
async def test_failures_are_said_in_the_users_language_with_a_reference_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, said: str
) -> None:
    caplog.set_level(logging.INFO)
    async with world(tmp_path) as w:
        w.engine.fail = QueueFull(waiting=7)
        await w.alice.send(w.channel, f"{w.me} {text}")
        content = w.sent()[0].content.replace("（", "(").replace("）", ")")
        assert said in content
        reference = content.rstrip(").。").split()[-1].split("号")[-1].strip()
        assert reference
        assert reference in caplog.text


async def test_no_words_of_a_message_reach_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with world(tmp_path) as w:
        for error in (KeyError("一句秘密"), TooSlow(seconds=30.0), RuntimeError("一句秘密")):
            w.engine.fail = error
            await w.alice.send(w.channel, f"{w.me} 一句秘密")
        assert len(w.sent()) == 3
        assert "KeyError" in caplog.text
        assert "一句秘密" not in caplog.text
        assert all("一句秘密" not in each.content for each in w.sent())


async def test_long_answers_are_split_and_the_last_part_has_the_buttons(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.engine.text = lambda request: "春天来了，花都开了。" * 300
        await w.alice.send(w.channel, f"{w.me} 写长一点")
        parts = w.sent()
        assert [len(each.content) <= 2000 for each in parts] == [True, True]
        assert all(each.content.endswith("。") for each in parts)
        assert not parts[0].components
        assert parts[1].components
        for each in parts:
            assert await w.journal(Journal.generation_of, each.id) == "fake-0001"


async def test_danger_is_answered_without_buttons_and_nothing_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 我想死")
        [answer] = w.sent()
        assert answer.content == "我很担心你。请拨打求助热线。"
        assert not answer.components
        await w.alice.react(answer, "👎")
        counts = await w.journal(Journal.counts)
        assert counts.generations == counts.signals == 0


async def test_a_person_who_wants_nothing_kept_is_answered_all_the_same(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.journal(Journal.set_keep, str(w.alice.id), False)
        await w.alice.send(w.channel, f"{w.me} 你好")
        [answer] = w.sent()
        assert answer.content == "你好!"
        assert not answer.components
        assert (await w.journal(Journal.counts)).generations == 0


async def test_a_failed_send_is_logged_and_the_bot_lives_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as w:
        w.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
        await w.alice.send(w.channel, f"{w.me} 一")
        assert w.sent() == []
        assert "50013" in caplog.text
        await w.alice.send(w.channel, f"{w.me} 二")
        assert [each.content for each in w.sent()] == ["二!"]


async def test_without_the_right_to_read_history_the_answer_is_no_reply(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.env.inject_error("POST", "/channels/*/messages", status=400, code=160002)
        await w.alice.send(w.channel, f"{w.me} 一")
        [answer] = w.sent()
        assert answer.reference is None


async def test_two_shards_serve_their_own_servers(tmp_path: Path) -> None:
    async with world(tmp_path, shard_count=2) as w:
        other = w.env.create_guild("另一个", shard_id=1)
        channel = other.create_text_channel("聊")
        carol = other.add_member(w.env.create_user("carol"))
        await carol.send(channel, f"{w.me} 你好")
        assert channel.last_message.content == "你好!"


async def test_closing_waits_for_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answering = w.bot.answering
        order: list[str] = []
        release = asyncio.Event()

        async def answer() -> None:
            with answering.work():
                await release.wait()
                order.append("answered")

        async def close() -> None:
            await answering.drain(60)
            order.append("closed")

        answers, closes = asyncio.create_task(answer()), asyncio.create_task(close())
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(answers, closes)
        assert order == ["answered", "closed"]
        await w.alice.send(w.channel, f"{w.me} 你好")
        assert "一分钟后" in w.sent()[0].content


async def test_words_of_who_wants_nothing_kept_are_not_kept_in_a_reply_to_them(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        said = await w.alice.send(w.channel, f"{w.me} 我的秘密")
        await w.bob.send(w.channel, f"{w.me} 他说什么", reply_to=said)
        asked = await w.journal(Journal.request, "fake-0002")
        assert asked is not None
        assert "我的秘密" in asked.text
        await w.journal(Journal.set_keep, str(w.alice.id), False)
        await w.bob.send(w.channel, f"{w.me} 他说什么", reply_to=said)
        assert "我的秘密" in w.engine.asked[2].text
        assert await w.journal(Journal.reply, "fake-0003") is not None
        assert await w.journal(Journal.request, "fake-0003") is None


async def test_a_reply_waits_for_its_commit_alone_and_is_brought_to_the_disk_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    steps: list[str] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    def watch(journal: Journal) -> None:
        journal._db.conn.set_trace_callback(
            lambda sql: steps.append(sql) if "synchronous" in sql or "INTO generations" in sql else None
        )

    async with world(tmp_path) as w:
        await w.journal(watch)
        await w.alice.send(w.channel, f"{w.me} 说说月亮")
        assert len(w.sent()) == 1
        for _ in range(500):
            if synced:
                break
            await asyncio.sleep(0.01)
        assert len(synced) == 1
        assert steps[0] == "PRAGMA synchronous = NORMAL"
        assert steps[-1] == "PRAGMA synchronous = FULL"
        assert any("INTO generations" in step for step in steps[1:-1])
