"""Tells Discord of our commands, once for each time they change.

Knows: that a set of commands has a hash, and which hash Discord was last told. Does not know: commands.

Discord limits how often commands may be told (200 new ones a day), and a start is no reason to.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

import discord
from discord import app_commands

from engine import JournalThread, set_told, told

log = logging.getLogger(__name__)


async def sync(
    tree: app_commands.CommandTree[Any], journal: JournalThread, application: int, guild: int | None
) -> bool:
    """Tell Discord the commands of `tree`, everywhere or in one server (where they appear at once).

    False: it knows them already. Raises discord.HTTPException.
    """
    home = None if guild is None else discord.Object(guild)
    if home is not None:
        tree.copy_global_to(guild=home)
    scope = f"commands {application} {guild or 'everywhere'}"
    hashed = await _hash_of(tree, home)
    if await journal(told, scope) == hashed:
        log.info("commands: unchanged")
        return False
    await tree.sync(guild=home)
    await journal(set_told, scope, hashed)
    log.info("commands: told to Discord")
    return True


async def _hash_of(tree: app_commands.CommandTree[Any], guild: discord.Object | None) -> str:
    """What Discord would be told, in all languages, as a hash."""
    commands = tree._get_all_commands(guild=guild)
    translator = tree.translator
    payload = [
        command.to_dict(tree)
        if translator is None
        else await command.get_translated_payload(tree, translator)
        for command in commands
    ]
    text = json.dumps(sorted(payload, key=lambda each: (each["type"], each["name"])), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
