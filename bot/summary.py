"""`/summary` and "summarise from here": messages or a file as points, for who asks, each with its jump links.

Knows: what was asked for (the last messages, hours, since the asker's own last one, from one on, other
channels, a file), who will see the answer, how far reading has come.
Does not know: how messages are read (`bot.summary_reading`) and points chosen (the engine) or shown
(`bot.summary_text`). Nothing of it goes into the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import discord

from bot import logs
from bot.answering import Answering, asker_of
from bot.attachments import LARGEST_LOG, LOG_SUFFIXES, shown, text_of
from bot.splitting import split
from bot.summary_places import CHANNELS, Readable, all_may_read, named, rights_to_read
from bot.summary_reading import MOST, Reading, Span
from bot.summary_text import summary_text
from bot.wording import say
from engine import NothingToSummarize

EVERY = 5.0
"""Seconds between two lines that say how far reading has come: Discord takes no more edits than that."""
USUAL = 100
"""Messages that are read where neither a number nor a time is given."""
MENU_POINTS = 5
POINTS = {"short": 3, "normal": 5, "long": 10}
PATIENCE = datetime.timedelta(minutes=13)
"""Reading stops in time to answer: an interaction's token lives 15 minutes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a summary is asked of: `count` messages, None for all within the bounds, and so many `points`.

    `hours`: only so old ones. `since_mine`: only what came after the asker's last message. `since`: begin
    with this message. `channels`: mentions of others to read. `private`: only the asker sees it.
    """

    count: int | None = None
    points: int = MENU_POINTS
    hours: int = 0
    since_mine: bool = False
    since: discord.Message | None = None
    channels: str = ""
    private: bool = True

    def span(self, interaction: discord.Interaction[Any], places: int) -> Span:
        """Which messages that is of each of so many places."""
        share = MOST // places
        after: discord.abc.SnowflakeTime | None = None
        if self.since is not None:
            after = discord.Object(self.since.id - 1)
        elif self.hours:
            after = interaction.created_at - datetime.timedelta(hours=self.hours)
        mine = interaction.user.id if self.since_mine else None
        # a beginning without a number means all from there on
        usual = USUAL if after is None and mine is None else share
        return Span(min(self.count or usual, share), after, mine=mine)


def asked(filled: Mapping[str, str], *, private: bool = True) -> Asked:
    """What `/summary`'s options say."""
    return Asked(
        count=int(filled["count"]) if filled.get("count") else None,
        points=int(filled.get("points") or POINTS.get(filled.get("length", ""), MENU_POINTS)),
        hours=int(filled.get("hours") or 0),
        since_mine=filled.get("since") == "mine",
        channels=filled.get("channels", ""),
        private=private,
    )


async def summarize_channel(
    interaction: discord.Interaction[Any], answering: Answering, wanted: Asked
) -> None:
    """Answers the interaction with the points of the channels' messages."""
    locale = str(interaction.locale)
    refusal = why_not(interaction, answering)
    places: list[Readable] = []
    if not refusal:
        places, refusal = await _places(interaction, wanted)
    if refusal:
        await interaction.response.send_message(say(refusal, locale, count=CHANNELS), ephemeral=True)
        return
    await answering.may_summarize(asker_of(interaction))
    await interaction.response.defer(thinking=True, ephemeral=wanted.private)
    reading = Reading(interaction.created_at + PATIENCE, locale, _progress(interaction))
    span = wanted.span(interaction, len(places))
    try:
        for place in places:
            await reading.read(place, span)
    except discord.Forbidden:
        await interaction.edit_original_response(content=say("summary.i_may_not_read", locale))
        return
    messages = await reading.messages(answering.journal, interaction.guild_id)
    if not messages:
        raise NothingToSummarize()
    summary = await answering.summarize(messages, asker_of(interaction), points=wanted.points)
    text = summary_text(summary, reading.links, locale, private=wanted.private, more=reading.more)
    await _answer(interaction, text, wanted.private)


async def summarize_file(
    interaction: discord.Interaction[Any], answering: Answering, file: discord.Attachment, wanted: Asked
) -> None:
    """Answers the interaction with the points of a log or an article that came with it."""
    locale = str(interaction.locale)
    await answering.may_summarize(asker_of(interaction))
    await interaction.response.defer(thinking=True, ephemeral=wanted.private)
    text = await text_of(file, suffixes=LOG_SUFFIXES, largest=LARGEST_LOG)
    messages = await asyncio.to_thread(logs.read, text, file.filename)
    if not messages:
        raise NothingToSummarize()
    recent = messages[-min(wanted.count or MOST, MOST) :]
    summary = await answering.summarize(recent, asker_of(interaction), points=wanted.points)
    text = summary_text(
        summary,
        {},
        locale,
        private=wanted.private,
        more=wanted.count is None and len(recent) < len(messages),
        file=shown(file.filename),
    )
    await _answer(interaction, text, wanted.private)


async def _answer(interaction: discord.Interaction[Any], text: str, private: bool) -> None:
    parts = split(text)
    await interaction.edit_original_response(content=parts[0])
    for part in parts[1:]:
        await interaction.followup.send(part, ephemeral=private, suppress_embeds=True)


def why_not(interaction: discord.Interaction[Any], answering: Answering) -> str:
    """The key of the sentence that says why there is no summary here, "" when there is one."""
    if interaction.guild_id is None:
        return ""  # in direct messages Discord gives the words to both sides
    if not answering.settings.message_content:
        return "summary.needs_intent"
    if not rights_to_read(interaction.channel, interaction.permissions):
        return "summary.you_may_not_read"
    if not rights_to_read(interaction.channel, interaction.app_permissions):
        return "summary.i_may_not_read"
    return ""


async def _places(interaction: discord.Interaction[Any], wanted: Asked) -> tuple[list[Any], str]:
    """The channels to read, and the key of what is wrong with them."""
    here, guild = interaction.channel, interaction.guild
    if not wanted.channels.strip():
        return ([here], "") if isinstance(here, discord.abc.Messageable) else ([], "summary.no_channel")
    if guild is None or not isinstance(interaction.user, discord.Member):
        return [], "summary.no_channel"
    places, refusal = await named(guild, interaction.user, wanted.channels)
    if wanted.private or refusal:
        return places, refusal
    # others would read here what they may not read there
    is_open = isinstance(here, Readable) and all(all_may_read(place, here) for place in places)
    return (places, "") if is_open else ([], "summary.only_for_you")


def _progress(
    interaction: discord.Interaction[Any], clock: Callable[[], float] = time.monotonic
) -> Callable[[int], Any]:
    """Says now and then how far reading has come, in the answer that is still to be written."""
    last = clock()

    async def progress(count: int) -> None:
        nonlocal last
        if clock() - last < EVERY:
            return
        last = clock()
        text = say("summary.reading", str(interaction.locale), count=count)
        with contextlib.suppress(discord.HTTPException):  # the summary itself is what matters
            await interaction.edit_original_response(content=text)

    return progress
