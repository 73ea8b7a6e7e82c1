"""Threads where a conversation goes on without mentions; whichever Moyou opened itself is one.

Knows: where a thread may be opened, how it is named and what its first message says.
Does not know: what is said in it (`bot.chat` reads a thread's owner, so nothing is remembered here).
"""

from __future__ import annotations

import re
from typing import Any

import discord

from bot.answering import Answering
from bot.context import masked
from bot.rendering import shortened
from bot.wording import say

NAME_LIMIT = 40


async def open_thread(
    interaction: discord.Interaction[Any],
    answering: Answering,
    message: discord.Message,
    topic: str,
    locale: str,
) -> None:
    """Opens a thread on the answer to a command, where that can be. The answer stands without it."""
    channel = interaction.client.get_channel(interaction.channel_id or 0)
    rights = interaction.app_permissions
    if not isinstance(channel, discord.TextChannel) or not (
        rights.create_public_threads and rights.send_messages_in_threads
    ):
        return
    name = shortened(re.sub(r"\s+", " ", masked(topic, locale)).strip(), NAME_LIMIT)
    try:
        # as the response's own object a message has no channel rights; by its id it has
        opened = await channel.get_partial_message(message.id).create_thread(
            name=name or say("thread.name", locale)
        )
        key = "thread.opened" if answering.settings.message_content else "thread.opened_mention"
        await opened.send("-# " + say(key, locale))
    except discord.HTTPException as error:
        answering.failure(error, locale, "thread")
