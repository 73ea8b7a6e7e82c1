"""Threads, homes, edited and deleted prompts, long answers and slow models, against SimCord."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.client import MoyouClient
from bot.settings import Settings
from bot.splitting import LIMIT
from engine import Journal, Loading, QueueFull, Reply, Request, TooSlow
from tests.discord_world import World, world
from tests.fakes import FakeEngine

READS = Settings(message_content=True)
BEFORE_A_SIGN = 4.9
"""Seconds that a world settles in; a typing sign is renewed after five, and nobody waits for that here."""


async def make_home(w: World) -> None:
    """A moderator's decision: in this channel every message is meant for Moyou."""
    await w.bot.guild_settings.change(w.guild.id, home_channels=(str(w.channel.id),))


async def opened(w: World, words: str = "说说月亮") -> Any:
    """The thread that /chat opens."""
    await w.alice.slash(w.channel, "chat", text=words)
    [thread] = w.threads()
    return thread


@pytest.mark.parametrize("shards", [1, 2])
async def test_chat_opens_a_thread_where_no_mention_is_needed(tmp_path: Path, shards: int) -> None:
    async with world(tmp_path, settings=READS, shard_count=shards) as w:
        thread = await opened(w, f"说说月亮 {w.bob.mention}")
        assert thread.name == "说说月亮 @某人"
        assert w.sent(thread)[0].content == "-# 我们在这里接着聊，直接说就好，不用提到我。"
        await w.bob.send(thread, "圆不圆")
        assert w.sent(thread)[-1].content == "圆不圆!"
        assert w.engine.asked[-1].context == (f"说说月亮 {w.bob.mention}", f"说说月亮 {w.bob.mention}!")
        await w.alice.send(thread, "再说说")
        assert w.engine.asked[-1].context[-2:] == ("圆不圆", "圆不圆!")


async def test_in_a_thread_people_may_still_speak_to_each_other(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READS) as w:
        thread = await opened(w)
        said = await w.bob.send(thread, "圆不圆")
        count = len(w.engine.asked)
        await w.alice.send(thread, f"{w.bob.mention} 你看呢")
        quiet = await w.alice.send(thread, "我看圆", reply_to=said)
        quiet.id, quiet.mentions = quiet.id + 1, []  # a reply without a ping
        await w.bot.chat.on_message(quiet)
        assert len(w.engine.asked) == count


async def test_a_thread_says_that_it_needs_mentions_where_messages_cannot_be_read(tmp_path: Path) -> None:
    async with world(tmp_path, approved_intents=discord.Intents.default()) as w:
        thread = await opened(w)
        assert "请 @ 我" in w.sent(thread)[0].content
        await w.bob.send(thread, "圆不圆")
        await w.bob.send(thread, "到底圆不圆")
        told = [each.content for each in w.sent(thread) if "没有给我看" in each.content]
        assert len(told) == 1
        await w.bob.send(thread, f"{w.me} 圆不圆")
        assert w.sent(thread)[-1].content == "圆不圆!"


async def test_a_thread_of_somebody_else_is_none_of_ours(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READS) as w:
        thread = w.thread_of(w.alice)
        await w.alice.send(thread, "你好")
        assert w.engine.asked == []
        await w.alice.send(thread, f"{w.me} 你好")
        assert w.sent(thread)[-1].content == "你好!"


async def test_a_private_answer_opens_no_thread_and_neither_does_one_without_the_right(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await w.alice.slash(w.channel, "chat", text="你好", private=True)
        assert w.threads() == []
        with w.interactions(app_permissions=str(discord.Permissions(send_messages=True).value)):
            await w.alice.slash(w.channel, "chat", text="你好")
        assert not w.calls("POST", "/threads")
        w.env.inject_error("POST", "/channels/*/messages/*/threads", status=403, code=50013)
        result = await w.alice.slash(w.channel, "chat", text="你好")
        assert result.response.content == "> 你好\n你好!"
        assert w.threads() == []


async def test_in_a_home_everyone_is_answered_unmentioned(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READS) as w:
        await w.alice.send(w.channel, "早")
        assert w.engine.asked == []
        await make_home(w)
        await w.alice.send(w.channel, "早")
        await w.bob.send(w.channel, "好天气")
        assert [each.content for each in w.sent()] == ["早!", "好天气!"]
        assert w.engine.asked[-1].text == "好天气"
        assert w.engine.asked[-1].context == ("早\n早", "早!")
        other = w.guild.add_member(w.env.create_user("otherbot", bot=True))
        await other.send(w.channel, "beep")
        await w.alice.send(w.guild.create_text_channel("别处"), "早")
        assert len(w.engine.asked) == 2


async def test_deleting_the_prompt_cancels_the_work(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.seconds = 10
    async with world(tmp_path, engine, settle_timeout=BEFORE_A_SIGN) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.delete(message)
        await w.env.advance_time(11)
        assert w.sent() == []
        assert (await w.journal(Journal.counts)).generations == 0
        await w.alice.send(w.channel, f"{w.me} 再来")
        await w.env.advance_time(11)
        assert [each.content for each in w.sent()] == ["再来!"]


async def test_deleting_an_answered_prompt_leaves_its_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.delete(message)
        assert [each.content for each in w.sent()] == ["你好!"]


async def test_editing_the_prompt_answers_nothing_but_offers_to(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.edit(message, f"{w.me} 再见")
        [answer] = w.sent()
        assert answer.content == "你好!"
        labels = [button.label for row in answer.components for button in row.children]
        assert labels == [None, None, "再来", "变一变", "缘由", "按改过的再写"]
        await w.bob.react(answer, "👍")
        await w.alice.click(answer, custom_id=f"moyou-edited:{message.id}")
        assert [each.content for each in w.sent()] == ["你好!", "再见!"]
        assert w.engine.asked[-1].text == "再见"
        await w.alice.edit(message, f"{w.me} 再见")  # nothing new
        assert len(w.calls("PATCH", f"/messages/{answer.id}")) == 1


async def test_after_a_restart_an_edited_prompt_still_offers_to(tmp_path: Path) -> None:
    long = "春天来了，花都开了。" * 300
    async with world(tmp_path) as w:
        w.engine.text = lambda request: long if "长" in request.text else f"{request.text}!"
        short = await w.alice.send(w.channel, f"{w.me} 你好")
        many = await w.alice.send(w.channel, f"{w.me} 写长一点")
        other = await w.bob.send(w.channel, "与我无关")
        w.engine.fail = QueueFull(waiting=7)
        failed = await w.alice.send(w.channel, f"{w.me} 在吗")
        w.engine.fail = None
        await w.env.restart_bot(MoyouClient(w.engine, w.journal, w.bot.settings, shard_count=1))
        w.bot = w.env.bot
        for message, text in ((short, "再见"), (many, "写长一点儿"), (other, "还是无关"), (failed, "你在吗")):
            if message is other:
                await w.bob.edit(message, text)
            else:
                await w.alice.edit(message, f"{w.me} {text}")
        offered = [
            [b.custom_id for row in each.components for b in row.children if "edited" in b.custom_id]
            for each in w.sent()
        ]
        assert offered == [
            [f"moyou-edited:{short.id}"],
            [],
            [f"moyou-edited:{many.id}"],
            [f"moyou-edited:{failed.id}"],
        ]
        # the other buttons stay as they were
        assert [b.label for row in w.sent()[0].components for b in row.children][:5] == [
            None,
            None,
            "再来",
            "变一变",
            "缘由",
        ]
        await w.alice.edit(short, f"{w.me} 再见了")
        assert len(w.calls("PATCH", f"/messages/{w.sent()[0].id}")) == 1
        await w.alice.click(w.sent()[0], custom_id=f"moyou-edited:{short.id}")
        assert w.sent()[-1].content == "再见了!"


async def test_a_sentence_for_a_failed_prompt_offers_again_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.engine.fail = QueueFull(waiting=7)
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        w.engine.fail = None
        await w.alice.edit(message, f"{w.me} 再见")
        await w.alice.click(w.sent()[0], custom_id=f"moyou-edited:{message.id}")
        assert w.sent()[-1].content == "再见!"


async def test_an_edit_while_the_answer_is_written_is_offered_when_it_comes(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.seconds = 10
    async with world(tmp_path, engine, settle_timeout=BEFORE_A_SIGN) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.edit(message, f"{w.me} 再见")
        await w.env.advance_time(11)
        [answer] = w.sent()
        assert answer.content == "你好!"
        assert "按改过的再写" in str([b.label for row in answer.components for b in row.children])


async def test_the_offer_says_when_the_prompt_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        message = await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.edit(message, f"{w.me} 再见")
        await w.alice.delete(message)
        result = await w.alice.click(w.sent()[0], custom_id=f"moyou-edited:{message.id}")
        assert result.response.content == "That message is gone; please ask again."


async def test_a_very_long_answer_is_a_file_with_its_beginning_above(tmp_path: Path) -> None:
    text = "春天来了，花都开了。" * 2000
    async with world(tmp_path) as w:
        w.engine.text = lambda request: text
        await w.alice.send(w.channel, f"{w.me} 写长一点")
        [answer] = w.sent()
        assert len(answer.content) <= LIMIT
        assert answer.content.endswith("-# 太长了，全文在附件里")
        assert (await answer.attachments[0].read()).decode() == text
        assert answer.components
        result = await w.alice.slash(w.channel, "continue", text="从前")
        assert result.response.attachments[0].filename == "moyou.txt"
        assert not result.followups


async def test_where_files_are_not_allowed_a_very_long_answer_is_many_messages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.engine.text = lambda request: "春天来了，花都开了。" * 900
        w.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
        await w.alice.send(w.channel, f"{w.me} 写长一点")
        assert len(w.sent()) == 5
        assert [bool(each.components) for each in w.sent()] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (QueueFull(waiting=7), "等待的人太多"),
        (Loading(), "模型还在载入"),
        (TooSlow(seconds=30.0), "还没写完"),
    ],
)
async def test_a_full_queue_a_loading_model_and_a_late_one_are_said(
    tmp_path: Path, error: Exception, said: str
) -> None:
    async with world(tmp_path) as w:
        w.engine.fail = error
        await w.alice.send(w.channel, f"{w.me} 你好")
        with w.interactions(locale="zh-CN"):
            result = await w.alice.slash(w.channel, "poem")
        assert said in w.sent()[0].content
        assert said in result.response.content


@pytest.mark.parametrize("shards", [1, 2])
async def test_a_model_of_ten_seconds_keeps_discords_deadlines(tmp_path: Path, shards: int) -> None:
    engine = FakeEngine()
    async with world(tmp_path, engine, shard_count=shards) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        [answer] = w.sent()
        engine.seconds = 10
        said = await w.bob.send(w.channel, "月亮真圆")
        results = [
            await w.alice.slash(w.channel, "chat", text="你好"),
            await w.alice.slash(w.channel, "poem", theme="月"),
            await w.alice.context_menu(w.channel, "接着写", said),
            await w.alice.click(answer, custom_id="moyou:again:fake-0001"),
            await w.alice.click(answer, custom_id="moyou:vary:fake-0001"),
        ]
        assert all(result.acknowledged and result.deferred for result in results)
        await w.env.advance_time(3)
        assert [result.response.content for result in results if result.response] == [""] * len(results)
        await w.env.advance_time(8)
        assert all(result.response.content for result in results)
        assert engine.seconds == 10


async def test_an_answer_after_fifteen_minutes_is_too_late_and_nothing_breaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeEngine()
    engine.seconds = 16 * 60
    async with world(tmp_path, engine) as w:
        result = await w.alice.slash(w.channel, "chat", text="你好")
        await w.env.advance_time(17 * 60)
        assert result.response is None or not result.response.content
        engine.seconds = 0
        await w.alice.send(w.channel, f"{w.me} 还在吗")
        assert w.sent()[-1].content == "还在吗!"
    assert "你好" not in caplog.text


async def test_a_typing_sign_shows_while_it_works(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.seconds = 10
    async with world(tmp_path, engine, settle_timeout=BEFORE_A_SIGN) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        assert w.calls("POST", "/typing")
        assert w.sent() == []
        await w.env.advance_time(11)
        signs = len(w.calls("POST", "/typing"))
        await w.env.advance_time(60)
        assert len(w.calls("POST", "/typing")) == signs


async def test_two_bots_do_not_talk_to_each_other(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READS) as w:
        other = w.guild.add_member(w.env.create_user("otherbot", bot=True))
        await w.alice.send(w.channel, f"{w.me} 你好")
        await other.send(w.channel, f"{w.me} hello", reply_to=w.sent()[-1])
        thread = await opened(w)
        await other.send(thread, "hello")
        await make_home(w)
        await other.send(w.channel, "hello")
        assert len(w.engine.asked) == 2


async def test_cancelling_the_event_itself_is_not_swallowed(tmp_path: Path) -> None:
    begun = asyncio.Event()

    class Endless(FakeEngine):
        async def write(self, request: Request) -> Reply:
            begun.set()
            return await asyncio.get_running_loop().create_future()

    async with world(tmp_path, Endless()) as w:
        message = await w.alice.send(w.channel, "嗯")
        message.content = f"{w.me} 你好"
        message.mentions = [w.bot.user]  # type: ignore[list-item]
        work = asyncio.create_task(w.bot.chat.on_message(message))
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work


async def test_what_is_asked_takes_the_share_of_its_server(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 说说月亮")
        await w.bob.slash(w.channel, "ask", question="月亮圆不圆")
        assert w.engine.groups == [str(w.channel.guild.id)] * 2
