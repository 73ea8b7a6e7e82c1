"""Which channels a summary may read: within the rights of who asks, of the bot, and of all who will see it.

Knows: Discord's rights over channels, threads and voice channels, and how a channel is named in an option.
Does not know: messages, summaries.

What somebody may not see is not told apart from what is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable

import discord

CHANNELS = 5
"""Channels that are read together, at most."""
FETCHING = 1.5
"""Seconds to look for threads that are not open any more: an interaction is answered within three."""
_MENTION = re.compile(r"<#(\d{15,20})>")
_LINK = re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/channels/\d+/(\d{15,20})")

Readable = discord.TextChannel | discord.Thread | discord.VoiceChannel | discord.StageChannel
_SPOKEN = (discord.VoiceChannel, discord.StageChannel)


async def named(guild: discord.Guild, asker: discord.Member, mentions: str) -> tuple[list[Readable], str]:
    """The channels that an option names, and the key of what is wrong with them, "" when nothing is."""
    ids = list(dict.fromkeys(int(each) for each in (*_MENTION.findall(mentions), *_LINK.findall(mentions))))
    if not ids:
        return [], "summary.no_channel"
    if len(ids) > CHANNELS:
        return [], "summary.too_many_channels"
    found: list[Readable] = []
    for place in await _found(guild, ids):
        if not isinstance(place, Readable) or not await may_read(place, asker):
            return [], "summary.no_channel"
        if not rights_to_read(place, place.permissions_for(guild.me)):
            return [], "summary.i_may_not_read"
        found.append(place)
    return found, ""


async def _found(guild: discord.Guild, ids: Iterable[int]) -> list[object]:
    places: list[object] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FETCHING):
            for identity in ids:
                place: object = guild.get_channel_or_thread(identity)
                if place is None:
                    with contextlib.suppress(discord.HTTPException, discord.InvalidData):
                        place = await guild.fetch_channel(identity)
                places.append(place)
            return places
    return [None]


async def may_read(place: Readable, who: discord.Member) -> bool:
    """Whether somebody may read what was written there before; of a private thread those who are in it."""
    rights = place.permissions_for(who)
    if not rights_to_read(place, rights):
        return False
    if not isinstance(place, discord.Thread) or not place.is_private():
        return True
    if rights.manage_threads or place.owner_id == who.id:
        return True
    try:
        await place.fetch_member(who.id)
    except discord.HTTPException:
        return False
    return True


def rights_to_read(place: object, rights: discord.Permissions) -> bool:
    return (
        rights.view_channel
        and rights.read_message_history
        and (rights.connect or not isinstance(place, _SPOKEN))
    )


def all_may_read(place: Readable, seen_in: Readable) -> bool:
    """Whether everybody who sees `seen_in` may read `place`, as far as roles and exceptions tell."""
    if place.id == seen_in.id:
        return True
    if isinstance(place, discord.Thread):
        if place.parent is None or place.is_private():
            return False
        return _all_may_read(place.parent, _parent(seen_in))
    return _all_may_read(place, _parent(seen_in))


def _parent(place: Readable) -> discord.abc.GuildChannel | None:
    # nobody sees a thread who does not see its channel
    return place.parent if isinstance(place, discord.Thread) else place


def _all_may_read(place: discord.abc.GuildChannel, seen_in: discord.abc.GuildChannel | None) -> bool:
    if seen_in is None:
        return False
    if place.id == seen_in.id:
        return True
    for role in place.guild.roles:
        sees = seen_in.permissions_for(role).view_channel
        if sees and not rights_to_read(place, place.permissions_for(role)):
            return False
    everyone = rights_to_read(place, place.permissions_for(place.guild.default_role))
    here = {who.id: rights for who, rights in place.overwrites.items() if not isinstance(who, discord.Role)}
    there = {
        who.id: rights for who, rights in seen_in.overwrites.items() if not isinstance(who, discord.Role)
    }
    for who, rights in there.items():
        if rights.view_channel and not everyone and not (who in here and here[who].view_channel):
            return False
    # somebody who alone may not read here may not see it there either
    shut = {
        who for who, rights in here.items() if False in (rights.view_channel, rights.read_message_history)
    }
    return all(who in there and there[who].view_channel is False for who in shut)
