"""`/moyou-status`: what the people who run a server see of Moyou, from within Discord.

Knows: the journal's counts and the engine's state as one private message, for those who may manage the
server. Does not know: reviews, tuning and promotion, which are done in the console and on the command line.
"""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.answering import Answering, guarded
from bot.splitting import split
from bot.translator import words
from bot.wording import say
from engine import Counts, Journal


def status_command(answering: Answering) -> app_commands.Command[Any, ..., Any]:
    """The command; shown to members with Manage Server unless an administrator decides otherwise."""

    async def status(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command moyou-status"):
            await interaction.response.defer(thinking=True, ephemeral=True)
            locale = str(interaction.locale)
            counts = await answering.journal(Journal.counts)
            parts = split(status_text(counts, answering.engine.status(), locale))
            await interaction.edit_original_response(content=parts[0])
            for part in parts[1:]:
                await interaction.followup.send(part, ephemeral=True)

    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name="moyou-status", description=words("status.description"), callback=status
    )
    command.default_permissions = discord.Permissions(manage_guild=True)
    command.guild_only = True
    return command


def status_text(counts: Counts, state: dict[str, Any], locale: str) -> str:
    """Numbers of the whole bot, of nobody in particular. `state`: what `Engine.status` gives."""
    rows = [
        say(
            "status.counts",
            locale,
            generations=counts.generations,
            signals=counts.signals,
            likes=counts.likes,
            dislikes=counts.dislikes,
            people=counts.people,
        )
    ]
    for task, numbers in sorted(counts.by_task.items()):
        rows.append(
            "- "
            + say(
                "status.task",
                locale,
                task=task,
                generations=numbers.generations,
                likes=numbers.likes,
                dislikes=numbers.dislikes,
            )
        )
    for name, model in sorted(state["models"].items()):
        loaded = say("status.loaded" if model["loaded"] else "status.not_loaded", locale)
        number = f" {model['hash'][:12]}" if model["hash"] else ""
        rows.append("-# " + say("status.model", locale, model=f"{name}{number}", state=loaded))
    reward = state["reward_model"]
    rows.append(
        "-# "
        + (say("status.reward", locale, model=reward[:12]) if reward else say("status.no_reward", locale))
    )
    rows.append("-# " + say("status.waiting", locale, waiting=state["waiting"], queue=state["queue"]))
    return "\n".join(rows)
