"""Where Discord shows a command: servers, direct messages, people who installed Moyou for themselves.

Knows: the two kinds of commands there are. Does not know: which command is which.
"""

from __future__ import annotations

from typing import Any

from discord import app_commands

AnyCommand = app_commands.Command[Any, ..., Any] | app_commands.ContextMenu | app_commands.Group


def anywhere(command: AnyCommand) -> None:
    """The command goes along with a person: other servers and direct messages too."""
    command.allowed_installs = app_commands.AppInstallationType(guild=True, user=True)
    command.allowed_contexts = app_commands.AppCommandContext(
        guild=True, dm_channel=True, private_channel=True
    )


def in_servers(command: AnyCommand) -> None:
    """The command needs Moyou itself in the server: it reads a channel, or is for who runs the server."""
    command.guild_only = True
    command.allowed_installs = app_commands.AppInstallationType(guild=True, user=False)
    command.allowed_contexts = app_commands.AppCommandContext(
        guild=True, dm_channel=False, private_channel=False
    )
