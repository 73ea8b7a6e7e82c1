"""/settings against SimCord: what moderators decide with menus, buttons and forms holds at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.guild_page import settings_text
from bot.settings import Settings
from engine import GuildSettings, Journal
from tests.discord_world import World, world


def moderator(w: World) -> Any:
    """A member who may manage the server."""
    rights = discord.Permissions(manage_guild=True)
    role = w.guild.create_role("moderators", permissions=rights)
    return w.guild.add_member(w.env.create_user("mo"), roles=[role])


def synced(w: World, name: str) -> dict[str, Any]:
    [put] = [call for call in w.env.http_requests if call.method == "PUT" and call.path.endswith("/commands")]
    [found] = [command for command in put.json if command["name"] == name]
    return dict(found)


async def decided(w: World) -> GuildSettings:
    return await w.bot.guild_settings.of(w.guild.id)


async def opened(w: World, who: Any) -> Any:
    shown = await who.slash(w.channel, "settings")
    assert shown.ephemeral
    return shown.response


async def submitted(w: World, who: Any, button: str, values: dict[str, Any]) -> Any:
    page = await opened(w, who)
    form = await who.click(page, custom_id=f"moyou-settings:{button}")
    return (await who.submit_modal(form, values)).response


async def test_only_those_who_manage_the_server_are_offered_the_command(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        command = synced(w, "settings")
        assert int(command["default_member_permissions"]) == 1 << 5
        assert command["dm_permission"] is False
        with pytest.raises(Exception, match="settings"):
            await w.alice.slash(w.channel, "settings")


async def test_it_speaks_only_where_it_may_and_says_so_privately(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo, other = moderator(w), w.guild.create_text_channel("别处")
        page = await opened(w, mo)
        await mo.select(page, [other], custom_id="moyou-settings:channels")
        assert (await decided(w)).channels == (str(other.id),)
        await w.alice.send(w.channel, f"{w.me} 在吗")
        assert w.sent() == []
        assert w.engine.asked == []
        refused = await w.alice.slash(w.channel, "ask", question="为什么天是蓝的")
        assert "may not speak in this channel" in refused.response.content
        assert refused.ephemeral
        await w.alice.send(other, f"{w.me} 在吗")
        assert [each.author.id for each in other.history()][-1] == w.bot.user.id
        # a thread belongs to its channel
        thread = await w.bot.get_channel(other.id).create_thread(
            name="一个话题", type=discord.ChannelType.public_thread
        )
        [handle] = other.threads
        assert handle.id == thread.id
        await w.alice.send(handle, f"{w.me} 这里呢")
        assert w.engine.asked[-1].text == "这里呢"
        # nothing chosen: everywhere
        await mo.select(await opened(w, mo), [], custom_id="moyou-settings:channels")
        await w.alice.send(w.channel, f"{w.me} 现在呢")
        assert len(w.sent()) == 1


async def test_home_and_report_channels_are_asked_for_by_their_ids(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo, other = moderator(w), w.guild.create_text_channel("家")
        await mo.select(await opened(w, mo), [other], custom_id="moyou-settings:home")
        await mo.select(await opened(w, mo), [w.channel], custom_id="moyou-settings:report")
        guilds = w.bot.guild_settings
        assert await guilds.is_home(w.guild.id, other.id)
        assert not await guilds.is_home(w.guild.id, w.channel.id)
        assert await guilds.report_channel(w.guild.id) == w.channel.id
        assert await guilds.report_channel(1) is None
        text = (await opened(w, mo)).content
        assert f"<#{other.id}>" in text
        assert f"<#{w.channel.id}>" in text


async def test_decisions_are_there_after_a_restart_and_so_is_the_open_page(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        await mo.select(await opened(w, mo), [w.channel], custom_id="moyou-settings:home")
        page = await opened(w, mo)
        from bot.client import MoyouClient

        await w.env.restart_bot(MoyouClient(w.engine, w.journal, w.bot.settings, shard_count=1))
        bot = w.env.bot
        assert await bot.guild_settings.is_home(w.guild.id, w.channel.id)
        await mo.click(page, custom_id="moyou-settings:summaries_off")
        assert not (await bot.guild_settings.of(w.guild.id)).summaries


async def test_blocked_words_are_refused_on_the_way_in_and_out(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        await submitted(w, mo, "words", {"words": "脏话\nheck"})
        assert (await decided(w)).blocked_words == ("脏话", "heck")
        await w.alice.send(w.channel, f"{w.me} 请说句髒話")
        assert "這個服務器不許用的詞" in w.sent()[-1].content
        # on the way out: written anew, and nothing at all when nothing else comes
        texts = iter(["HECK!", "oh heck", "fine"])
        w.engine.text = lambda request: next(texts)
        await w.alice.send(w.channel, f"{w.me} hello")
        assert w.sent()[-1].content == "fine"
        w.engine.text = lambda request: "oh, heck"
        await w.alice.send(w.channel, f"{w.me} again")
        assert "heck" not in w.sent()[-1].content
        # and a draft that was not chosen is not spelt either
        w.engine.text = lambda request: "fine"
        await submitted(w, mo, "words", {"words": "脏话\nheck\n另一个"})
        await w.alice.send(w.channel, f"{w.me} 你好")
        answer = w.sent()[-1]
        generation = await w.journal(Journal.generation_of, answer.id)
        why = await w.alice.click(answer, custom_id=f"moyou:why:{generation}")
        assert "fine" in why.response.content
        assert "另一个" not in why.response.content
        assert "(has a word that this server does not allow)" in why.response.content
        # the form holds what is blocked now
        form = await mo.click(await opened(w, mo), custom_id="moyou-settings:words")
        assert "脏话\\nheck" in str(form.modal).replace("\\\\n", "\\n")


async def test_danger_is_answered_whatever_is_blocked_or_used_up(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        await submitted(w, mo, "words", {"words": "想死"})
        await submitted(w, mo, "limit", {"limit": "1"})
        for _ in range(3):
            await w.alice.send(w.channel, f"{w.me} 我想死")
        assert all("求助热线" in each.content for each in w.sent())


async def test_a_members_day_is_limited_and_begins_anew_after_a_restart_with_what_is_kept(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        refused = await submitted(w, mo, "limit", {"limit": "many"})
        assert "nothing was changed" in refused.content
        await submitted(w, mo, "limit", {"limit": "2"})
        await w.journal(Journal.set_keep, str(w.bob.id), False)
        for who in (w.alice, w.bob):
            for _ in range(3):
                await who.send(w.channel, f"{w.me} 你好")
        said = [each.content for each in w.sent()]
        assert ["2 次已经用完" in each for each in said] == [False, False, True] * 2


async def test_summaries_can_be_switched_off_and_leave_blocked_words_out(tmp_path: Path) -> None:
    settings = Settings(message_content=True, member_pace=0, guild_pace=0)
    async with world(tmp_path, settings=settings) as w:
        mo = moderator(w)
        await submitted(w, mo, "words", {"words": "脏话"})
        await w.alice.send(w.channel, "这是一句干净的话")
        await w.alice.send(w.channel, "这是一句脏话没错")
        summary = await w.bob.slash(w.channel, "summary")
        assert "干净" in summary.response.content
        assert "脏话" not in summary.response.content
        page = await opened(w, mo)
        await mo.click(page, custom_id="moyou-settings:summaries_off")
        assert "Summaries are off" in (await w.bob.slash(w.channel, "summary")).response.content
        page = await opened(w, mo)
        await mo.click(page, custom_id="moyou-settings:summaries_on")
        assert "干净" in (await w.bob.slash(w.channel, "summary")).response.content


async def test_language_and_tone_reach_the_request(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        await submitted(w, mo, "voice", {"language": ["zh-TW"], "tone": ["lively"]})
        await w.alice.send(w.channel, f"{w.me} 你好吗")
        await w.alice.send(w.channel, f"{w.me} how are you")
        assert [(each.locale, each.tone) for each in w.engine.asked] == [
            ("zh-TW", "lively"),
            ("en", "lively"),
        ]
        await submitted(w, mo, "voice", {"language": ["auto"], "tone": ["auto"]})
        assert (await decided(w)).tone == ""


async def test_in_quiet_hours_it_says_nothing_aloud(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        await submitted(w, mo, "quiet", {"since": ["1380"], "until": ["420"], "zone": ["480"]})
        settings = await decided(w)
        assert (settings.quiet_from, settings.quiet_until, settings.utc_offset) == (1380, 420, 480)
        midnight = 16 * 3600.0  # in Beijing
        w.bot.guild_settings._clock = lambda: midnight
        await w.alice.send(w.channel, f"{w.me} 睡了吗")
        assert w.sent() == []
        refused = await w.alice.slash(w.channel, "ask", question="睡了吗")
        assert refused.ephemeral
        assert "until 07:00" in refused.response.content
        w.bot.guild_settings._clock = lambda: midnight + 8 * 3600
        await w.alice.send(w.channel, f"{w.me} 早")
        [answer] = w.sent()
        w.bot.guild_settings._clock = lambda: midnight
        generation = await w.journal(Journal.generation_of, answer.id)
        pressed = await w.alice.click(answer, custom_id=f"moyou:again:{generation}")
        assert pressed.ephemeral
        assert "until 07:00" in pressed.response.content
        liked = await w.alice.click(answer, custom_id=f"moyou:up:{generation}")
        assert "Noted" in liked.response.content
        await submitted(w, mo, "quiet", {"since": ["never"], "until": ["420"], "zone": ["0"]})
        assert not (await decided(w)).has_quiet_hours


async def test_the_worth_of_reactions_is_typed_and_shown(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        assert "What reactions are worth: 👍 1 · 👎 -1" in (await opened(w, mo)).content
        table = "❤️ 1\n<:meh:123456789012345678> -0.5"
        shown = await submitted(w, mo, "emoji", {"emoji": table})
        assert "What reactions are worth: ❤️ 1 · <:meh:123456789012345678> -0.5\n" in shown.content
        assert (await decided(w)).worth == {"❤": 1.0, "123456789012345678": -0.5}
        form = await mo.click(await opened(w, mo), custom_id="moyou-settings:emoji")
        assert "❤️ 1\\n<:meh:123456789012345678> -0.5" in str(form.modal)
        assert "Holds for reactions from now on." in str(form.modal)
        many = "\n".join(f"{chr(0x1F600 + number)} 1" for number in range(21))
        for typed, why in (
            (
                "👍 1\nnice 1",
                "“nice 1” is no emoji with its value; write one emoji and a number from -1 to 1",
            ),
            ("❤️ 3", "“❤️ 3” is no emoji"),
            (many, "21 emoji are too many; name at most 20."),
        ):
            refused = await submitted(w, mo, "emoji", {"emoji": typed})
            assert why in refused.content
            assert "Nothing was changed." in refused.content
            assert refused.ephemeral
        assert (await decided(w)).worth == {"❤": 1.0, "123456789012345678": -0.5}
        await submitted(w, mo, "emoji", {"emoji": ""})
        assert await decided(w) == GuildSettings()


async def test_who_may_no_longer_manage_the_server_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        page = await opened(w, mo)
        w.env.backend.edit_role(w.guild.id, w.guild.roles["moderators"].id, {"permissions": 0})
        result = await mo.click(page, custom_id="moyou-settings:summaries_off")
        assert (await decided(w)).summaries
        assert (
            "cannot be used here" in result.followups[0].content
            if result.followups
            else result.response.content
        )


async def test_cooldowns_hold_for_a_member_and_for_a_server(tmp_path: Path) -> None:
    async with world(tmp_path, settings=Settings(member_pace=2, guild_pace=3)) as w:
        for who in (w.alice, w.alice, w.alice, w.bob, w.bob):
            await who.send(w.channel, f"{w.me} 你好")
        said = ["一下子说得太多" in each.content for each in w.sent()]
        assert said == [False, False, True, False, True]


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en-US"])
def test_every_decision_is_said(locale: str) -> None:
    settings = GuildSettings(
        channels=("1", "f" * 32),
        home_channels=("2",),
        report_channel="3",
        language="en",
        tone="steady",
        daily_limit=7,
        blocked_words=("secret",),
        quiet_from=60,
        quiet_until=330,
        utc_offset=-210,
        emoji=((f"<:{'m' * 32}:{'1' * 20}>", -0.25),) * 20,
    )
    text = settings_text(settings, locale, can_read=False)
    for part in ("<#1>", "<#2>", "<#3>", "7", "01:00", "05:30", "UTC−3:30", "Message Content", "> -0.25 …"):
        assert part in text
    assert "secret" not in text
    assert "f" * 32 not in text
    assert len(settings_text(dataclasses.replace(settings, channels=("1" * 19,) * 25), locale, True)) < 2000
