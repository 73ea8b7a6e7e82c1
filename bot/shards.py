"""Which shards' processes write into this journal: whether what is kept here is all there is of a person.

Knows: that processes on one machine may share a journal and those on others do not, which each of them
notes in it. Does not know: Discord, what is kept (the journal does).

A person's wish (to be forgotten, to have nothing kept) is carried out in the journal of the process that
hears it. No trace of it may stay to be passed on, so where other machines keep their own, it is said.
"""

from __future__ import annotations

import time

from bot.settings import Settings
from engine import JournalThread, set_told, told

FRESH = 3 * 3600.0
"""Seconds after which a process that noted its shards no more is taken to be elsewhere; it does hourly."""


async def note_shards(journal: JournalThread, settings: Settings) -> None:
    """This process serves its shards with this journal now."""
    shards = settings.shards
    if shards is not None:
        for number in shards.ids:
            await journal(set_told, f"shard {number}/{shards.count}", str(time.time()))


async def all_here(journal: JournalThread, settings: Settings) -> bool:
    """Whether every shard there is has noted itself in this journal lately."""
    shards = settings.shards
    if shards is None:
        return True
    for number in set(range(shards.count)) - set(shards.ids):
        noted = await journal(told, f"shard {number}/{shards.count}")
        if not noted or time.time() - float(noted) > FRESH:
            return False
    return True
