"""`/summary` and "summarise from here": a channel's messages as points, private, each with its jump links.

Knows: reading a channel's history within the reader's own rights, and how a summary looks.
Does not know: how points are chosen (the engine). Nothing of it goes into the journal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import discord
from discord.utils import escape_markdown

from bot.answering import Answering, asker_of
from bot.context import masked
from bot.splitting import split
from bot.wording import say
from engine import Message, NothingToSummarize, Summary

MOST = 500
"""Messages that are read, at most: five calls to Discord."""
POINT_LIMIT = 300
LINKS = 3
MENU_POINTS = 5

Channel = discord.abc.Messageable


async def summarize_channel(
    interaction: discord.Interaction[Any],
    answering: Answering,
    *,
    count: int,
    points: int,
    since: discord.Message | None = None,
) -> None:
    """Answers the interaction, privately, with the points of the last `count` messages.

    `since`: begin with this message instead, at most `count` from there.
    """
    locale = str(interaction.locale)
    refusal = why_not(interaction, answering)
    if refusal:
        await interaction.response.send_message(say(refusal, locale), ephemeral=True)
        return
    await interaction.response.defer(thinking=True, ephemeral=True)
    channel = interaction.channel
    if channel is None or not isinstance(channel, discord.abc.Messageable):
        raise NothingToSummarize()
    messages = await read(channel, min(count, MOST), since, locale)
    if not messages:
        raise NothingToSummarize()
    links = {message.id: f"{_base(interaction)}/{message.id}" for message in messages}
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


async def read(channel: Channel, count: int, since: discord.Message | None, locale: str) -> list[Message]:
    """What people wrote, oldest first, masked; bots, commands and empty messages are left out."""
    if since is None:
        history = [each async for each in channel.history(limit=count)][::-1]
    else:
        after = discord.Object(since.id - 1)
        history = [each async for each in channel.history(limit=count, after=after, oldest_first=True)]
    return [
        message
        for each in history
        if each.type in (discord.MessageType.default, discord.MessageType.reply) and not each.author.bot
        for message in [_message(each, locale)]
        if message.text
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


def _base(interaction: discord.Interaction[Any]) -> str:
    return f"https://discord.com/channels/{interaction.guild_id or '@me'}/{interaction.channel_id}"


def summary_text(summary: Summary, links: dict[str, str], locale: str) -> str:
    """Title and points in markdown; every point ends in links to its messages."""
    head = f"**{_shown(summary.title)}**\n" if summary.title else ""
    rows = [head + "-# " + say("summary.read", locale, count=summary.messages)]
    if summary.quiet:
        rows.append("-# " + say("summary.quiet", locale))
    for point in summary.points:
        author = f"{_shown(point.author)}{say('summary.colon', locale)}" if point.author else ""
        rows.append(f"- {author}{_shown(point.text)} {_jumps(point.sources, links)}".rstrip())
    return "\n".join(rows)


def _shown(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return escape_markdown(text if len(text) <= POINT_LIMIT else text[: POINT_LIMIT - 1] + "…")


def _jumps(sources: Sequence[str], links: dict[str, str]) -> str:
    known = [links[source] for source in sources if source in links]
    return " ".join(f"[↗{number}](<{link}>)" for number, link in enumerate(known[:LINKS], 1))
