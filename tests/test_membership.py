"""bot/membership.py and bot/command_sync.py: the first message in a server, its end, commands told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.client import MoyouClient
from bot.membership import first_channel, welcome
from bot.settings import Settings, Shards
from engine import Journal, Place, Request, load_tasks
from engine.journal_guilds import DAY
from tests.discord_world import world
from tests.fakes import FakeEngine
from tests.replies import reply


def puts(w: Any) -> list[Any]:
    return [call for call in w.env.http_requests if call.method == "PUT" and "/commands" in call.path]


def restarted(w: Any, **changes: Any) -> MoyouClient:
    settings = changes.pop("settings", w.bot.settings)
    return MoyouClient(changes.pop("engine", w.engine), w.journal, settings, shard_count=1)


async def test_a_new_server_is_told_once_what_it_does_and_keeps(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        before = [each.content for each in w.sent()]
        guild = w.bot.get_guild(w.guild.id)
        assert guild is not None
        await w.bot.on_guild_join(guild)
        [text] = [each.content for each in w.sent()][len(before) :]
        for part in ("/privacy", "/settings", "/help", "24", "30"):
            assert part in text
        assert w.channel.last_message.mentions == []


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en"])
def test_the_welcome_fits_and_says_what_is_kept(locale: str) -> None:
    tasks = load_tasks()
    kept, nothing = welcome(tasks, locale, 24, 30), welcome(tasks, locale, 0, 7)
    assert len(kept) < 2000
    assert "24" in kept
    assert "24" not in nothing
    assert "7" in nothing


async def test_the_first_message_goes_where_it_may(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        guild = w.bot.get_guild(w.guild.id)
        assert guild is not None
        channel = first_channel(guild)
        assert channel is not None
        assert channel.id == w.channel.id
        await channel.set_permissions(guild.default_role, send_messages=False)
        assert first_channel(guild) is None
        await w.bot.membership.joined(guild)  # nowhere to say anything: nothing is said, nothing breaks


async def test_a_server_that_was_left_long_ago_is_erased_and_ours_is_not(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.bot.membership.note()
        left = Place("discord", "77", "7")
        await w.journal(Journal.record, Request("chat", "x"), reply("gone"), "p", left)
        here = Place("discord", str(w.guild.id), "1")
        await w.journal(Journal.record, Request("chat", "x"), reply("stays"), "p", here)

        def month_ago(journal: Journal) -> None:
            journal._db.execute("UPDATE guilds SET seen = seen - ?", (31 * DAY,))
            journal._write(
                "INSERT INTO guilds (guild, settings, at, seen) VALUES (?, '', 0, ?)",
                (journal._hash("guild", "77"), journal._clock() - 31 * DAY),
            )

        await w.journal(month_ago)
        await w.bot.membership.note()
        assert await w.journal(Journal.reply, "gone") is None
        assert await w.journal(Journal.reply, "stays") is not None


async def test_commands_are_told_when_they_changed_and_not_at_every_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert len(puts(w)) == 1
        await w.env.restart_bot(restarted(w))
        assert len(puts(w)) == 1
        fewer = FakeEngine()
        fewer.tasks = {name: task for name, task in fewer.tasks.items() if name != "ad"}
        await w.env.restart_bot(restarted(w, engine=fewer))
        assert len(puts(w)) == 2
        assert "ad" not in {command["name"] for command in puts(w)[-1].json}


async def test_for_development_commands_are_told_to_one_server(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        settings = Settings(development_guild=w.guild.id)
        await w.env.restart_bot(restarted(w, settings=settings))
        assert puts(w)[-1].path.endswith(f"/guilds/{w.guild.id}/commands")
        await w.env.restart_bot(restarted(w, settings=settings))
        assert len(puts(w)) == 2


async def test_a_process_without_the_first_shard_tells_no_commands(tmp_path: Path) -> None:
    engine, settings = FakeEngine(), Settings(shards=Shards((1, 2), 3))
    async with world(tmp_path) as w:
        client = MoyouClient(engine, w.journal, settings)
        assert (client.shard_ids, client.shard_count) == ([1, 2], 3)
        before = len(puts(w))
        await w.env.restart_bot(restarted(w))
        assert len(puts(w)) == before
    async with world(tmp_path / "other", settings=settings, strict_sync=False, shard_count=3) as w:
        assert puts(w) == []


@pytest.mark.parametrize("count", [1, 4])
async def test_settings_hold_in_a_server_whatever_its_shard(tmp_path: Path, count: int) -> None:
    async with world(tmp_path, shard_count=count) as w:
        await w.bot.guild_settings.change(w.guild.id, channels=("1",))
        await w.alice.send(w.channel, f"{w.me} 你好")
        assert w.sent() == []
        await w.bot.guild_settings.change(w.guild.id, channels=(str(w.channel.id),))
        await w.alice.send(w.channel, f"{w.me} 你好")
        assert [each.content for each in w.sent()] == ["你好!"]


def test_the_least_is_asked_for() -> None:
    from bot.client import intents

    wanted = intents(Settings())
    assert not wanted.message_content
    assert not wanted.members
    assert not wanted.presences
    assert (
        wanted.value
        == discord.Intents(
            guilds=True, guild_messages=True, dm_messages=True, guild_reactions=True, dm_reactions=True
        ).value
    )
