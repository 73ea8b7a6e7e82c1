"""The menus on messages: continue, translate, why and report, against SimCord."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.guild_choices import NothingChosen
from bot.settings import Settings
from engine import REPORT, Fact, Journal, Place, Reply, Request
from tests.discord_world import world
from tests.fakes import FakeEngine
from tests.replies import reply

MENUS = {"接着写": "continue", "翻译这条": "translate"}


class Reports(NothingChosen):
    """Reports go to one channel."""

    def __init__(self, channel_id: int) -> None:
        self.channel_id = channel_id

    async def report_channel(self, guild_id: int) -> int | None:
        return self.channel_id


@pytest.mark.parametrize("menu", list(MENUS))
@pytest.mark.parametrize("shards", [1, 2])
async def test_a_task_on_a_message_is_answered_privately(tmp_path: Path, menu: str, shards: int) -> None:
    async with world(tmp_path, shard_count=shards) as w:
        for channel in (w.channel, w.thread_of(w.bob)):
            said = await w.bob.send(channel, f"月亮真圆 {w.alice.mention}")
            result = await w.alice.context_menu(channel, menu, said)
            assert result.ephemeral
            assert result.response.content == "月亮真圆 @某人!"
            assert w.engine.asked[-1].task == MENUS[menu]


async def test_on_a_reply_of_ours_a_menu_takes_what_was_written(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        poem = await w.alice.slash(w.channel, "poem", theme="登高", form="wujue")
        await w.alice.context_menu(w.channel, "接着写", poem.response.message)
        assert w.engine.asked[-1].text.startswith("白日依山尽\n黄河入海流")


async def test_a_message_without_words_and_one_with_a_file(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        picture = await w.bob.send(w.channel, "", attachments=[("a.png", b"\x89PNG")])
        result = await w.alice.context_menu(w.channel, "翻译这条", picture)
        assert "write a few words" in result.response.content
        text = await w.bob.send(w.channel, "", attachments=[("a.txt", "月亮".encode())])
        await w.alice.context_menu(w.channel, "翻译这条", text)
        assert w.engine.asked[-1].text == "月亮"


async def test_words_of_who_wants_nothing_kept_are_not_kept_by_a_menu(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.journal(Journal.set_keep, str(w.bob.id), False)
        said = await w.bob.send(w.channel, "我的秘密")
        await w.alice.context_menu(w.channel, "翻译这条", said)
        assert await w.journal(Journal.reply, "fake-0001") is not None
        assert await w.journal(Journal.request, "fake-0001") is None


async def test_a_message_whose_person_is_forgotten_goes_from_what_others_asked_on_it(tmp_path: Path) -> None:
    """Who wrote it never asked anything anywhere."""
    async with world(tmp_path) as w:
        said = await w.bob.send(w.channel, "我的秘密")
        first = await w.alice.context_menu(w.channel, "翻译这条", said)
        await w.alice.click(first.response, custom_id="moyou:again:fake-0001")
        own = await w.alice.send(w.channel, "没有秘密")
        await w.alice.context_menu(w.channel, "翻译这条", own)
        assert [r.text for r in w.engine.asked] == ["我的秘密", "我的秘密", "没有秘密"]
        await w.journal(Journal.forget, str(w.bob.id))
        kept = [await w.journal(Journal.request, f"fake-000{number}") for number in (1, 2, 3)]
        assert [each and each.text for each in kept] == [None, None, "没有秘密"]


class Copying(FakeEngine):
    """What it writes is copied from what was asked."""

    async def write(self, request: Request) -> Reply:
        reply = await super().write(request)
        return dataclasses.replace(reply, drafts=(dataclasses.replace(reply.draft, own_text="□"),))


async def test_what_a_reply_copied_goes_from_what_others_asked_on_the_reply(tmp_path: Path) -> None:
    async with world(tmp_path, Copying()) as w:
        elsewhere = w.guild.create_text_channel("别处")
        await w.bob.send(elsewhere, f"{w.me} 我的秘密")
        await w.alice.context_menu(elsewhere, "翻译这条", w.sent(elsewhere)[-1])
        said = await w.bob.send(w.channel, "另一个")
        answer = await w.alice.send(w.channel, f"{w.me} 怎么看", reply_to=said)
        for message in (said, answer):  # so nothing but the reply itself leads to them
            mine = await w.bot.get_channel(w.channel.id).fetch_message(message.id)  # type: ignore[union-attr]
            await mine.delete()
        carol = w.guild.add_member(w.env.create_user("carol"))
        await carol.send(w.channel, "说下去", reply_to=w.sent()[-1])
        assert len(w.engine.asked) == 4
        await w.journal(Journal.forget, str(w.bob.id))
        for number in range(1, 5):
            assert await w.journal(Journal.request, f"fake-000{number}") is None, number
        assert await w.journal(Journal.reply, "fake-0004") is not None


async def test_what_we_said_to_who_wants_nothing_kept_is_kept_in_nobodys_request(tmp_path: Path) -> None:
    """The journal knows nothing of that reply, nor whose words it quotes."""
    async with world(tmp_path) as w:
        await w.journal(Journal.set_keep, str(w.bob.id), False)
        said = await w.bob.send(w.channel, f"{w.me} 我的秘密")
        ours = w.sent()[-1]
        await w.alice.context_menu(w.channel, "翻译这条", ours)
        mine = await w.bot.get_channel(w.channel.id).fetch_message(said.id)  # type: ignore[union-attr]
        await mine.delete()
        await w.alice.send(w.channel, "说下去", reply_to=ours)
        await w.alice.send(w.channel, f"{w.me} 别的")
        names = [f"fake-000{number}" for number in (2, 3, 4)]
        assert [asked.text for asked in w.engine.asked[1:]] == ["我的秘密!", "说下去", "别的"]
        assert w.engine.asked[2].context == ("我的秘密!",)
        kept = [await w.journal(Journal.request, name) for name in names]
        assert [each and each.text for each in kept] == [None, None, "别的"]
        assert None not in [await w.journal(Journal.reply, name) for name in names]


@pytest.mark.parametrize("way", ["menu", "chat"])
async def test_words_of_whoever_is_forgotten_while_they_are_answered_are_not_kept(
    tmp_path: Path, way: str
) -> None:
    async with world(tmp_path, settings=Settings(message_content=True)) as w:
        said = await w.bob.send(w.channel, "我的秘密")

        def forgotten(request: Request) -> str:
            with Journal(w.bot.answering.journal.path) as journal:  # as the command line would
                journal.forget(str(w.bob.id))
            return "好"

        w.engine.text = forgotten
        if way == "menu":
            await w.alice.context_menu(w.channel, "翻译这条", said)
        else:
            await w.alice.send(w.channel, f"{w.me} 怎么看", reply_to=said)
        assert "我的秘密" in w.engine.asked[0].text
        assert await w.journal(Journal.reply, "fake-0001") is not None
        assert await w.journal(Journal.request, "fake-0001") is None


async def test_why_explains_a_reply_of_ours_and_nothing_else(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        said = await w.alice.send(w.channel, f"{w.me} 你好")
        result = await w.bob.context_menu(w.channel, "为什么这么回？", w.sent()[0])
        assert result.ephemeral
        assert "The model wrote this by itself." in result.response.content
        result = await w.bob.context_menu(w.channel, "为什么这么回？", said)
        assert "no reply of mine" in result.response.content
        with w.interactions(locale="zh-CN"):
            result = await w.bob.context_menu(w.channel, "为什么这么回？", said)
        assert "说不出缘由" in result.response.content


async def report(w: Any, message: Any, channel: Any = None, **values: Any) -> Any:
    shown = await w.bob.context_menu(channel or w.channel, "举报给管理者", message)
    return await w.bob.submit_modal(shown, values)


async def test_a_report_reaches_the_moderators_without_a_name_and_pings_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        staff = w.guild.create_text_channel("管理")
        w.bot.answering.choices = Reports(staff.id)
        result = await report(w, w.sent()[0], reasons=["harmful", "spam"], words="@everyone\n**看看**")
        assert "have been told" in result.response.content
        [told] = w.sent(staff)
        assert told.content.splitlines() == [
            f"Somebody reported a reply of Moyou's: {w.sent()[0].jump_url}",
            "- harmful or dangerous; spam",
            "> @everyone \\*\\*看看\\*\\*",
        ]
        assert str(w.bob.id) not in told.content
        assert not told.mention_everyone
        [signal] = await w.journal(Journal.signals)
        assert (signal.value, signal.reason) == (-1.0, "harmful,spam\n@everyone\n**看看**")


async def test_without_a_channel_moderators_see_a_report_in_the_status(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        result = await report(w, w.sent()[0])
        assert "moderators see it with /moyou-status" in result.response.content
        assert [signal.reason for signal in await w.journal(Journal.signals)] == [""]
        await report(w, w.sent()[0], reasons=["spam"], words="**看看**\n@everyone")
        thread = w.thread_of(w.alice)
        await w.alice.send(thread, f"{w.me} 在吗")
        await report(w, w.sent(thread)[0], thread)
        rights = discord.Permissions(manage_guild=True)
        mo = w.guild.add_member(
            w.env.create_user("mo"), roles=[w.guild.create_role("moderators", permissions=rights)]
        )
        shown = await mo.slash(w.channel, "moyou-status")
        assert shown.ephemeral
        rows = shown.response.content.splitlines()[-4:]
        assert "channel for them is chosen with `/settings`" in rows[0]
        assert rows[1].endswith(w.sent(thread)[0].jump_url)
        assert rows[2].endswith(w.sent()[0].jump_url)
        assert rows[3] == "  - spam · \\*\\*看看\\*\\* @everyone"
        assert str(w.bob.id) not in shown.response.content
        await w.bot.get_channel(w.channel.id).get_partial_message(w.sent()[0].id).delete()
        assert "spam" not in (await mo.slash(w.channel, "moyou-status")).response.content


async def test_of_reports_in_channels_closed_to_the_asker_only_the_number_is_shown(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo, admin = (
            w.guild.add_member(
                w.env.create_user(name),
                roles=[w.guild.create_role(name, permissions=discord.Permissions(**{name: True}))],
            )
            for name in ("manage_guild", "administrator")
        )
        hidden = discord.PermissionOverwrite(view_channel=False)
        closed = w.guild.create_text_channel("闭门", overwrites={mo: hidden})
        archived = w.thread_of(w.bob)
        places = {"open": w.channel.id, "closed": closed.id, "archived": archived.id}
        await w.journal(reported, str(w.guild.id), places)
        shown = (await mo.slash(w.channel, "moyou-status")).response.content
        assert "说 open" in shown, "the thread is open still"
        assert "说 archived" in shown
        assert "说 closed" not in shown
        assert "1 more were reported" in shown
        await w.bot.get_channel(archived.id).edit(archived=True)
        shown = (await mo.slash(w.channel, "moyou-status")).response.content
        assert "说 archived" not in shown
        assert "2 more were reported" in shown
        assert str(closed.id) not in shown
        everything = (await admin.slash(w.channel, "moyou-status")).response.content
        assert all(f"说 {name}" in everything for name in places)
        assert "more were reported" not in everything


def reported(journal: Journal, guild: str, places: dict[str, int]) -> None:
    for name, channel in places.items():
        where = Place("discord", guild, str(channel))
        journal.record(Request("chat"), reply(name, f"写 {name}"), "asker", where)
        journal.react(Fact(name, "p1", "button", -1.0, REPORT, f"spam\n说 {name}"))


async def test_who_wants_nothing_kept_is_told_that_a_report_was_not(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        await w.journal(Journal.set_keep, str(w.bob.id), False)
        assert "was not noted" in (await report(w, w.sent()[0])).response.content


async def test_a_report_stands_when_its_channel_cannot_be_written_in(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 你好")
        w.bot.answering.choices = Reports(w.channel.id)
        w.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
        assert "Noted" in (await report(w, w.sent()[0])).response.content


async def test_other_peoples_messages_are_reported_to_discord(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        said = await w.alice.send(w.channel, "坏话")
        result = await w.bob.context_menu(w.channel, "举报给管理者", said)
        assert "Discord's own Report Message" in result.response.content
        assert result.modal is None
        # not even one that says it is a reply
        await w.alice.send(w.channel, f"{w.me} 你好")
        await w.journal(Journal.attach, "fake-0001", said.id)
        result = await w.bob.context_menu(w.channel, "举报给管理者", said)
        assert result.modal is None
