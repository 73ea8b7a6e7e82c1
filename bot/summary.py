"""`/summary` and "summarise from here": a channel's messages as points, private, each with its jump links.

Knows: which messages are asked for (the last ones, hours, since the asker's own last one, from one on,
other channels), within the asker's rights and the bot's, and how far reading has come.
Does not know: how points are chosen (the engine) or shown (`bot.summary_text`). Nothing of it goes into
the journal.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import discord

from bot.answering import Answering, asker_of
from bot.context import masked
from bot.splitting import split
from bot.summary_text import summary_text
from bot.wording import say
from engine import Message, NothingToSummarize

MOST = 10_000
"""Messages that are read, at most: a hundred calls to Discord, which the library spaces out."""
PAGE = 500
"""Messages after which a line says how far reading has come."""
MENU_POINTS = 5
POINTS = {"short": 3, "normal": 5, "long": 10}
CHANNELS = 5
"""Channels that are read together, at most."""
PATIENCE = datetime.timedelta(minutes=13)
"""Reading stops in time to answer: an interaction's token lives 15 minutes."""

_COMMAND = re.compile(r"[!/.?$%&+;>~-]{1,2}[A-Za-z一-鿿]\S*(\s|$)")
_CHANNEL = re.compile(r"<#(\d{15,20})>")

Channel = discord.abc.Messageable


@dataclass(frozen=True, slots=True)
class Span:
    """Which messages of a channel: at most `count`, the newest ones or from `after` on.

    `mine`: those after the asker's own last message.
    """

    count: int
    after: discord.abc.SnowflakeTime | None = None
    mine: int | None = None


def asked(filled: Mapping[str, str]) -> dict[str, Any]:
    """What `/summary`'s options say, as `summarize_channel` takes it."""
    hours = int(filled.get("hours") or 0)
    since_mine = filled.get("since") == "mine"
    whole = bool(hours or since_mine)
    return {
        # a time without a number means all of it
        "count": MOST if whole and not filled.get("count") else int(filled.get("count") or 100),
        "points": int(filled.get("points") or POINTS.get(filled.get("length", ""), MENU_POINTS)),
        "hours": hours,
        "since_mine": since_mine,
        "channels": filled.get("channels", ""),
    }


async def summarize_channel(
    interaction: discord.Interaction[Any],
    answering: Answering,
    *,
    count: int,
    points: int,
    since: discord.Message | None = None,
    hours: int = 0,
    since_mine: bool = False,
    channels: str = "",
) -> None:
    """Answers the interaction, privately, with the points of the last `count` messages.

    `since`: begin with this message instead, at most `count` from there. `hours`: only so old ones.
    `since_mine`: only what came after the asker's last message. `channels`: mentions of others to read.
    """
    locale = str(interaction.locale)
    refusal = why_not(interaction, answering)
    places: list[Channel] = []
    if not refusal:
        places, refusal = _places(interaction, channels)
    if refusal:
        await interaction.response.send_message(say(refusal, locale, count=CHANNELS), ephemeral=True)
        return
    await interaction.response.defer(thinking=True, ephemeral=True)
    after: discord.abc.SnowflakeTime | None = None
    if since is not None:
        after = discord.Object(since.id - 1)
    elif hours:
        after = interaction.created_at - datetime.timedelta(hours=hours)
    span = Span(min(count, MOST), after, interaction.user.id if since_mine else None)
    until = interaction.created_at + PATIENCE
    messages: list[Message] = []
    links: dict[str, str] = {}
    for place in places:
        found = await read(place, span, locale, _Progress(interaction, len(messages), until))
        base = f"https://discord.com/channels/{interaction.guild_id or '@me'}/{getattr(place, 'id', 0)}"
        links |= {message.id: f"{base}/{message.id}" for message in found}
        messages += found
    if not messages:
        raise NothingToSummarize()
    messages.sort(key=lambda message: message.minute)
    summary = await answering.summarize(messages, asker_of(interaction), points=points)
    parts = split(summary_text(summary, links, locale))
    await interaction.edit_original_response(content=parts[0])
    for part in parts[1:]:
        await interaction.followup.send(part, ephemeral=True, suppress_embeds=True)


def why_not(interaction: discord.Interaction[Any], answering: Answering) -> str:
    """The key of the sentence that says why there is no summary here, "" when there is one."""
    if interaction.guild_id is None:
        return ""  # in direct messages Discord gives the words to both sides
    if not answering.settings.message_content:
        return "summary.needs_intent"
    if not interaction.permissions.read_message_history:
        return "summary.you_may_not_read"
    if not interaction.app_permissions.read_message_history:
        return "summary.i_may_not_read"
    return ""


def _places(interaction: discord.Interaction[Any], mentions: str) -> tuple[list[Channel], str]:
    """The channels to read, and the key of what is wrong with them."""
    here = interaction.channel
    if not mentions.strip():
        return ([here], "") if isinstance(here, Channel) else ([], "summary.no_channel")
    wanted = list(dict.fromkeys(map(int, _CHANNEL.findall(mentions))))
    guild, asker = interaction.guild, interaction.user
    if not wanted or guild is None or not isinstance(asker, discord.Member):
        return [], "summary.no_channel"
    if len(wanted) > CHANNELS:
        return [], "summary.too_many_channels"
    found: list[Channel] = []
    for identity in wanted:
        place = guild.get_channel_or_thread(identity)
        if not isinstance(place, discord.TextChannel | discord.Thread | discord.VoiceChannel):
            return [], "summary.no_channel"
        # what the asker may not see is not told apart from what is not there
        if not _may_read(place, asker):
            return [], "summary.no_channel"
        if not _may_read(place, guild.me):
            return [], "summary.i_may_not_read"
        found.append(place)
    return found, ""


def _may_read(
    place: discord.TextChannel | discord.Thread | discord.VoiceChannel, who: discord.Member
) -> bool:
    if isinstance(place, discord.Thread) and place.is_private() and place.owner_id != who.id:
        # who is in a private thread is not known here, except that moderators may read it
        return place.permissions_for(who).manage_threads
    rights = place.permissions_for(who)
    return rights.view_channel and rights.read_message_history


class _Progress:
    """Says how far reading has come, in the answer that is still to be written."""

    def __init__(self, interaction: discord.Interaction[Any], before: int, until: datetime.datetime) -> None:
        self._interaction, self._before, self._until = interaction, before, until
        self._next = PAGE

    async def at(self, count: int) -> bool:
        """Whether there is time for more."""
        if count >= self._next:
            self._next += PAGE
            text = say("summary.reading", str(self._interaction.locale), count=self._before + count)
            await self._interaction.edit_original_response(content=text)
        return discord.utils.utcnow() < self._until


async def read(channel: Channel, span: Span, locale: str, progress: _Progress | None = None) -> list[Message]:
    """What people wrote, oldest first, masked; bots, commands and empty messages are left out."""
    found: list[discord.Message] = []
    # without a beginning the newest come first, so that they are those that are read
    forward = span.after is not None and span.mine is None
    async for each in channel.history(limit=span.count, after=span.after, oldest_first=forward):
        if span.mine is not None and each.author.id == span.mine:
            break
        found.append(each)
        if progress is not None and not await progress.at(len(found)):
            break
    if not forward:
        found.reverse()
    return [
        message
        for each in found
        if each.type in (discord.MessageType.default, discord.MessageType.reply) and not each.author.bot
        for message in [_message(each, locale)]
        if message.text and not _COMMAND.match(message.text)
    ]


def _message(message: discord.Message, locale: str) -> Message:
    reference = message.reference
    return Message(
        id=str(message.id),
        author=message.author.display_name,
        text=masked(message.content, locale),
        minute=message.created_at.timestamp() / 60,
        reply_to=str(reference.message_id) if reference is not None and reference.message_id else None,
    )
