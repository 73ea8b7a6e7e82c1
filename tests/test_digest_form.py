"""bot/digest_form.py against SimCord: a moderator chooses a digest and whom summaries leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.settings import Settings
from bot.wording import say
from engine import DIGEST_DAYS, Journal, left_out, silent_in
from tests.discord_world import World, world
from tests.test_guild_page import decided, moderator, opened

READING = Settings(message_content=True, member_pace=0, guild_pace=0)
EVERY_DAY = {"day": ["daily"], "hour": ["1260"], "zone": ["480"]}


async def submitted(w: World, who: Any, button: str, values: dict[str, Any]) -> Any:
    form = await who.click(await opened(w, who), custom_id=f"moyou-settings:{button}")
    return await who.submit_modal(form, values)


async def test_a_digest_is_chosen_shown_changed_and_taken_back(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        mo, board = moderator(w), w.guild.create_text_channel("公告")
        shown = await opened(w, mo)
        assert "Digest: none" in shown.content
        result = await submitted(w, mo, "digest", {**EVERY_DAY, "read": [w.channel, board], "to": [board]})
        settings = await decided(w)
        assert (settings.digest, settings.digest_at, settings.utc_offset) == ("daily", 1260, 480)
        assert settings.digest_channels == (str(w.channel.id), str(board.id))
        assert settings.digest_to == str(board.id)
        line = f"every day at 21:00 (UTC+8), of {w.channel.mention} {board.mention}, in {board.mention}"
        assert line in result.response.content
        assert line in (await opened(w, mo)).content
        # what holds now is picked already
        form = await mo.click(await opened(w, mo), custom_id="moyou-settings:digest")
        assert str(w.channel.id) in str(form.modal)
        await mo.submit_modal(form, {**EVERY_DAY, "day": ["4"], "read": [w.channel], "to": [board]})
        assert ((await decided(w)).digest, (await decided(w)).digest_channels) == ("4", (str(w.channel.id),))
        assert "on Fridays at 21:00" in (await opened(w, mo)).content
        await submitted(w, mo, "digest", {**EVERY_DAY, "day": ["never"]})
        assert not (await decided(w)).has_digest
        assert "Digest: none" in (await opened(w, mo)).content


@pytest.mark.parametrize("lack", ["read", "to"])
async def test_a_digest_that_lacks_something_changes_nothing(tmp_path: Path, lack: str) -> None:
    async with world(tmp_path, settings=READING) as w:
        values = {"read": [w.channel], "to": [w.channel], lack: []}
        result = await submitted(w, moderator(w), "digest", {**EVERY_DAY, **values})
        assert result.ephemeral
        assert "Nothing was changed" in result.response.content
        assert not (await decided(w)).digest


async def test_a_moderator_tells_nobody_what_they_may_not_read(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        mo, guild = moderator(w), w.bot.get_guild(w.guild.id)
        assert guild is not None
        hidden = discord.PermissionOverwrite(read_message_history=False)
        unread = w.guild.create_text_channel("没读过", overwrites={mo: hidden})
        result = await submitted(w, mo, "digest", {**EVERY_DAY, "read": [unread], "to": [w.channel]})
        assert "You may not read" in result.response.content
        secret = discord.PermissionOverwrite(view_channel=False)
        shown = discord.PermissionOverwrite(view_channel=True)
        locked = w.guild.create_text_channel(
            "密室", overwrites={guild.default_role: secret, mo: shown, guild.me: shown}
        )
        result = await submitted(w, mo, "digest", {**EVERY_DAY, "read": [locked], "to": [w.channel]})
        assert "Not everybody who would see" in result.response.content
        assert not (await decided(w)).digest
        await submitted(w, mo, "digest", {**EVERY_DAY, "read": [locked, w.channel], "to": [locked]})
        assert (await decided(w)).has_digest


async def test_the_page_says_what_stands_in_the_way(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        result = await submitted(w, mo, "digest", {**EVERY_DAY, "read": [w.channel], "to": [w.channel]})
        assert "needs the Message Content intent" in result.response.content
        await w.bot.guild_settings.change(w.guild.id, quiet_from=1200, quiet_until=60)
        assert "it comes after them" in (await opened(w, mo)).content


async def test_members_are_left_out_and_read_again(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        mo, guild = moderator(w), str(w.guild.id)
        result = await submitted(w, mo, "left_out", {"out": [w.alice, w.bob]})
        assert result.ephemeral
        assert await w.journal(left_out, guild) == 2
        form = await mo.click(await opened(w, mo), custom_id="moyou-settings:left_out")
        assert "Left out now: 2" in str(form.modal)
        await mo.submit_modal(form, {"back": [w.bob]})
        assert await w.journal(silent_in, guild, [str(w.alice.id), str(w.bob.id)]) == {str(w.alice.id)}
        await w.journal(Journal.forget, str(w.alice.id))
        assert await w.journal(left_out, guild) == 0


async def test_who_may_no_longer_manage_the_server_leaves_nobody_out(tmp_path: Path) -> None:
    async with world(tmp_path, settings=READING) as w:
        mo = moderator(w)
        forms = [
            await mo.click(await opened(w, mo), custom_id=f"moyou-settings:{button}")
            for button in ("left_out", "digest")
        ]
        w.env.backend.edit_role(w.guild.id, w.guild.roles["moderators"].id, {"permissions": 0})
        for form, values in zip(
            forms, ({"out": [w.alice]}, {**EVERY_DAY, "read": [w.channel], "to": [w.channel]}), strict=True
        ):
            result = await mo.submit_modal(form, values)
            assert "cannot be used here" in result.response.content
        assert await w.journal(left_out, str(w.guild.id)) == 0
        assert not (await decided(w)).digest


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en-US"])
def test_every_day_has_words_and_labels_fit(locale: str) -> None:
    days = {say(f"guild.digest.{day}", locale) for day in (*DIGEST_DAYS, "never")}
    assert len(days) == len(DIGEST_DAYS) + 1
    for name in ("digest", "digest_read", "digest_to", "digest_at", "zone", "left_out", "back"):
        assert len(say(f"guild.ask.{name}", locale)) <= 45
    for name in ("digest_more", "left_out_more"):
        assert len(say(f"guild.ask.{name}", locale, count=25)) <= 100
