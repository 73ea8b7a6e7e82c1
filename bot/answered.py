"""Finds what answered a message, where another process (the one before this) sent it.

Knows: that an answer is a reply to its prompt with the buttons under its last part, and that Discord itself
remembers both, so that nothing about prompts has to be kept. Does not know: what is done with it.
"""

from __future__ import annotations

import datetime

import discord

from bot.feedback import buttons_in, generation_in
from bot.underway import Shown
from bot.wording import language_of

RECENT = datetime.timedelta(days=1)
"""Older prompts are not looked for: their words are no longer kept either."""
NEAR = 50
"""Messages after the prompt among which its answer is."""


async def answer_to(message: discord.Message, me: int, locale: str) -> Shown | None:
    """The answer of ours to a message, if there is one that offers nothing yet. Raises HTTPException.

    `locale`: the language where the message's own words do not tell it.
    """
    if discord.utils.utcnow() - message.created_at > RECENT:
        return None
    answer: discord.Message | None = None
    async for each in message.channel.history(limit=NEAR, after=message, oldest_first=True):
        if each.author.id != me:
            continue
        reply_to = each.reference.message_id if each.reference is not None else None
        if answer is None and reply_to != message.id:
            continue
        if answer is not None and reply_to is not None:
            break  # the next answer: this one has no buttons
        answer = each
        if each.components:
            break
    if answer is None:
        return None
    buttons = buttons_in(answer)
    if "edited" in buttons:
        return None
    spoken = language_of(message.content, locale)
    return Shown(answer.id, generation_in(answer) or "", spoken, "vary" in buttons)
