"""Text files that people attach: which are read, how large they may be, in which encodings.

Knows: names and sizes of attachments, and that nothing is unpacked. Does not know: what the text is for;
how an encoding is found out (the engine does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from pathlib import PurePosixPath

import discord

from bot.splitting import graphemes
from engine import FileNotText, FileTooLarge, text_in

LARGEST = 1 << 20
"""Bytes of one attachment."""
LARGEST_LOG = 10 << 20
"""Bytes of an exported channel: what Discord lets anyone attach, about ten thousand messages."""
SUFFIXES = frozenset((".txt", ".md", ".markdown", ".text", ".log", ".csv", ".srt"))
LOG_SUFFIXES = SUFFIXES | {".json", ".jsonl", ".ndjson"}
_SHOWN_NAME = 60


async def text_of(
    attachment: discord.Attachment, *, suffixes: Set[str] = SUFFIXES, largest: int = LARGEST
) -> str:
    """The text of one attachment. Raises FileTooLarge, FileNotText; HTTPException where it is gone."""
    name = shown(attachment.filename)
    if PurePosixPath(attachment.filename.lower()).suffix not in suffixes:
        raise FileNotText(file=name)
    if attachment.size > largest:
        raise FileTooLarge(file=name, size=attachment.size, limit=largest)
    content = await attachment.read()
    if len(content) > largest:  # the size was only what its sender said
        raise FileTooLarge(file=name, size=len(content), limit=largest)
    return (await asyncio.to_thread(text_in, content, name)).strip()


async def texts_of(attachments: Sequence[discord.Attachment]) -> str:
    """The texts of a message's attachments, one under the other; pictures and sounds are passed over."""
    found = [await text_of(each) for each in attachments if not _is_media(each)]
    return "\n".join(text for text in found if text)


def shown(name: str) -> str:
    """A file's name as it may stand in a sentence: one line, no markup that pings."""
    kept = "".join(character for character in name if character.isprintable() and character not in "`@<>*_|~")
    return "".join(list(graphemes(kept))[:_SHOWN_NAME]) or "?"


def _is_media(attachment: discord.Attachment) -> bool:
    kind = attachment.content_type or ""
    return kind.startswith(("image/", "video/", "audio/"))
