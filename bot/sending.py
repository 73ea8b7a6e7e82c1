"""How much of an answer goes into messages, and from where on it is a file.

Knows: the number of messages that one answer may fill. Does not know: where they go, buttons.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import discord

from bot.splitting import LIMIT, split
from bot.wording import say

MOST_PARTS = 4
"""Messages of one answer, at most; a longer one is a file with its beginning above it."""
FILE_NAME = "moyou.txt"


@dataclass(frozen=True, slots=True)
class Parcel:
    """The messages of an answer in order. `whole`: the text that goes along as a file, "" for none."""

    parts: tuple[str, ...]
    whole: str = ""

    def file(self) -> discord.File:
        """The whole text as an attachment; made anew for each attempt to send it."""
        return discord.File(io.BytesIO(self.whole.encode("utf-8", "replace")), FILE_NAME)


def packed(text: str, locale: str, notes: tuple[str, ...] = ()) -> Parcel:
    """The text as messages, or as its beginning and a file. `notes` stand under it in small print."""
    small = [f"-# {note}" for note in notes]
    parts = split("\n".join([text, *small]))
    if len(parts) <= MOST_PARTS:
        return Parcel(tuple(parts))
    head = split(text, LIMIT // 2)[0]
    return Parcel(("\n".join([head, *small, f"-# {say('chat.in_file', locale)}"]),), text)
