"""/style and the page of tastes against SimCord: chosen by hand, held at once, shown, undone."""

from __future__ import annotations

from pathlib import Path

import discord

from bot.client import MoyouClient
from engine import Manner, Request, manner_of
from engine.journal import Place
from engine.journal_personal import learn_tastes
from tests.discord_world import World, world
from tests.test_guild_page import moderator, opened
from tests.test_taste import fill


async def manner(w: World, who: discord.abc.Snowflake) -> Manner:
    return await w.journal(manner_of, str(who.id))


async def test_a_person_chooses_and_is_written_to_like_that_everywhere(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        shown = await w.alice.slash(w.channel, "style")
        assert shown.ephemeral
        assert "as usual" in shown.response.content
        await w.alice.select(shown.response, ["lively"], custom_id="moyou-style:tone")
        await w.alice.select(shown.response, ["short"], custom_id="moyou-style:length")
        assert await manner(w, w.alice) == Manner("lively", "short")
        await w.alice.send(w.channel, f"{w.me} 在吗")
        assert (w.engine.asked[-1].tone, w.engine.asked[-1].length) == ("lively", "short")
        await w.bob.send(w.channel, f"{w.me} 在吗")
        assert (w.engine.asked[-1].tone, w.engine.asked[-1].length) == ("", "")
        # what is kept with the reply is the request as it was made
        row = await w.journal(lambda j: j._row("SELECT request FROM words ORDER BY rowid LIMIT 1", ()))
        assert row is not None
        kept = Request.from_json(row[0])
        assert (kept.tone, kept.length, kept.channel, kept.leans) == ("", "", "", {})


async def test_it_outlives_a_restart_and_goes_with_forget_me(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        shown = (await w.alice.slash(w.channel, "style")).response
        await w.env.restart_bot(MoyouClient(w.engine, w.journal, w.bot.settings, shard_count=1))
        await w.alice.select(shown, ["steady"], custom_id="moyou-style:tone")
        assert await manner(w, w.alice) == Manner("steady")
        page = (await w.alice.slash(w.channel, "privacy")).response
        assert "Your style: tone steady" in page.content
        await w.alice.click(page, custom_id="moyou-privacy:forget")
        await w.alice.click(page, custom_id="moyou-privacy:confirm")
        assert await manner(w, w.alice) == Manner()
        assert "Your style" not in (await w.alice.slash(w.channel, "privacy")).response.content


async def test_who_wants_nothing_kept_is_told_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        page = (await w.alice.slash(w.channel, "privacy")).response
        await w.alice.click(page, custom_id="moyou-privacy:stop")
        shown = (await w.alice.slash(w.channel, "style")).response
        await w.alice.select(shown, ["lively"], custom_id="moyou-style:tone")
        assert "nothing to be kept" in shown.content
        assert await manner(w, w.alice) == Manner()


async def test_moderators_see_what_a_channel_likes_and_have_it_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        page = (await mo.click(await opened(w, mo), custom_id="moyou-settings:taste")).response
        assert "No channel's taste is known yet." in page.content
        await w.journal(fill, Place("discord", str(w.guild.id), str(w.channel.id)))
        await w.journal(learn_tastes)
        page = (await mo.click(await opened(w, mo), custom_id="moyou-settings:taste")).response
        assert f"<#{w.channel.id}>: learnt from 600 judgements of 12 people" in page.content
        await w.alice.send(w.channel, f"{w.me} 在吗")
        assert len(w.engine.asked[-1].leans) == 1
        await mo.select(page, [w.channel], custom_id="moyou-taste:reset")
        assert "Forgotten" in page.content
        await w.alice.send(w.channel, f"{w.me} 在吗")
        assert w.engine.asked[-1].leans == {}
        assert w.engine.asked[-1].channel != ""


async def test_only_moderators_have_a_taste_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        mo = moderator(w)
        await w.journal(fill, Place("discord", str(w.guild.id), str(w.channel.id)))
        await w.journal(learn_tastes)
        page = (await mo.click(await opened(w, mo), custom_id="moyou-settings:taste")).response
        [role] = [each for name, each in w.guild.roles.items() if name == "moderators"]
        role._role.permissions = 0  # no moderator any more
        refused = (await mo.select(page, [w.channel], custom_id="moyou-taste:reset")).response
        assert "cannot be used here" in refused.content
        await w.alice.send(w.channel, f"{w.me} 在吗")
        assert len(w.engine.asked[-1].leans) == 1
