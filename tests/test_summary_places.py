"""bot/summary_places.py against SimCord's rights: who may read what, and whether all who see a place may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest

from bot.summary_places import all_may_read, may_read, named
from tests.discord_world import World, world

NO, YES = discord.PermissionOverwrite(view_channel=False), discord.PermissionOverwrite(view_channel=True)
UNREAD = discord.PermissionOverwrite(read_message_history=False)


def server(w: World) -> discord.Guild:
    guild = w.bot.get_guild(w.guild.id)
    assert guild is not None
    return guild


def channel(w: World, name: str, **overwrites: Any) -> Any:
    """A channel with exceptions for `everyone`, `staff`, `alice`, `bob`; Moyou sees it in any case."""
    who = {"everyone": server(w).default_role, "alice": w.alice, "bob": w.bob}
    who |= {"staff": w.guild.roles["staff"]} if "staff" in overwrites else {}
    made = w.guild.create_text_channel(
        name, overwrites={server(w).me: YES, **{who[key]: value for key, value in overwrites.items()}}
    )
    return w.bot.get_channel(made.id)


@pytest.mark.parametrize(
    ("source", "seen_in", "allowed"),
    [
        ({}, {}, True),
        ({"everyone": NO}, {}, False),
        ({"everyone": UNREAD}, {}, False),
        ({}, {"everyone": NO}, True),
        ({"everyone": NO, "staff": YES}, {"everyone": NO, "staff": YES}, True),
        ({"everyone": NO}, {"everyone": NO, "staff": YES}, False),
        ({"everyone": NO, "alice": YES}, {"everyone": NO, "alice": YES}, True),
        ({"everyone": NO, "alice": YES}, {"everyone": NO, "alice": YES, "bob": YES}, False),
        ({"bob": NO}, {}, False),
        ({"bob": UNREAD}, {"bob": NO}, True),
        ({}, {"everyone": NO, "bob": YES}, True),
        ({"staff": NO}, {}, False),
    ],
)
async def test_whether_all_who_see_one_place_may_read_another(
    tmp_path: Path, source: dict[str, Any], seen_in: dict[str, Any], allowed: bool
) -> None:
    async with world(tmp_path) as w:
        w.guild.create_role("staff")
        place, here = channel(w, "源", **source), channel(w, "处", **seen_in)
        assert all_may_read(place, here) is allowed
        assert all_may_read(place, place)
        thread = await place.create_thread(name="话题", type=discord.ChannelType.public_thread)
        assert all_may_read(thread, here) is allowed
        assert all_may_read(thread, place)
        private = await place.create_thread(name="密谈", type=discord.ChannelType.private_thread)
        assert not all_may_read(private, place)
        assert all_may_read(private, private)
        assert all_may_read(place, private), "who is in a thread sees its channel"


async def test_who_may_read(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alice, bob = [await server(w).fetch_member(each.id) for each in (w.alice, w.bob)]
        for overwrites, rights in (
            ({"everyone": NO, "alice": YES}, [True, False]),
            ({"bob": UNREAD}, [True, False]),
            ({}, [True, True]),
        ):
            place = channel(w, "处", **overwrites)
            assert [await may_read(place, who) for who in (alice, bob)] == rights


async def test_channels_are_named_by_mentions_and_links(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alice, guild = await server(w).fetch_member(w.alice.id), server(w)
        made = [channel(w, f"第{number}") for number in range(6)]
        link = f"https://discord.com/channels/{guild.id}/{made[1].id}/1234567890123456789"
        found, wrong = await named(guild, alice, f"{made[0].mention} {link} {made[0].mention}")
        assert (found, wrong) == (made[:2], "")
        every = " ".join(each.mention for each in made)
        assert await named(guild, alice, every) == ([], "summary.too_many_channels")
        assert await named(guild, alice, "第1") == ([], "summary.no_channel")
        assert await named(guild, alice, "<#123456789012345678>") == ([], "summary.no_channel")
