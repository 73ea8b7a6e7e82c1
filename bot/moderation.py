"""`/moyou-status`: what the people who run a server see of Moyou, from within Discord.

Knows: the journal's counts, the engine's state and what was reported in the server as one private message,
for those who may manage the server; of reports only those of channels that they may read themselves.
Does not know: reviews, tuning and promotion, which are done in the console and on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.utils import escape_markdown

from bot.answering import Answering, guarded
from bot.installs import in_servers
from bot.reasons import report_words
from bot.rendering import shortened
from bot.review import readable_channels
from bot.splitting import split
from bot.translator import words
from bot.wording import say
from engine import Counts, Journal, Report, reports

MOST_REPORTS = 10
MOST_COUNTED = 1000
"""Reported replies that are looked through for those open to the asker."""
SHOWN_WORDS = 60


def status_command(answering: Answering) -> app_commands.Command[Any, ..., Any]:
    """The command; shown to members with Manage Server unless an administrator decides otherwise."""

    async def status(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command moyou-status"):
            await interaction.response.defer(thinking=True, ephemeral=True)
            locale = str(interaction.locale)
            counts = await answering.journal(Journal.counts)
            text = status_text(counts, answering.engine.status(), locale)
            if interaction.guild is not None:
                found, hidden = await _reports(interaction, interaction.guild, answering)
                rows = report_rows(found, interaction.guild.id, locale, hidden)
                text += "".join(f"\n{row}" for row in rows)
            parts = split(text)
            await interaction.edit_original_response(content=parts[0])
            for part in parts[1:]:
                await interaction.followup.send(part, ephemeral=True)

    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name="moyou-status", description=words("status.description"), callback=status
    )
    command.default_permissions = discord.Permissions(manage_guild=True)
    in_servers(command)
    return command


async def _reports(
    interaction: discord.Interaction[Any], guild: discord.Guild, answering: Answering
) -> tuple[Sequence[Report], int]:
    """The newest reports of replies that the asker may read, and how many others there are.

    Of a place that is no channel or open thread today nothing says who may read it: it is closed to all but
    administrators, who read everything.
    """
    if interaction.permissions.administrator:
        places = [str(channel.id) for channel in (*guild.channels, *guild.threads)]
        return await answering.journal(reports, str(guild.id), places, MOST_REPORTS), 0
    places = list(readable_channels(interaction))
    found = await answering.journal(reports, str(guild.id), places, MOST_COUNTED)
    open_to_them = [report for report in found if report.channel]
    return open_to_them[:MOST_REPORTS], len(found) - len(open_to_them)


def report_rows(found: Sequence[Report], guild_id: int, locale: str, hidden: int = 0) -> list[str]:
    """What was reported in a server, a line for each reply and one for each report of it; `hidden`: how many
    replies more, of which nothing is told."""
    if not found and not hidden:
        return []
    rows = [say("status.reports", locale, count=len(found))]
    for report in found:
        when = f"<t:{report.at:.0f}:R>"
        # where the place is not known any more, the reply's own words tell which one it was
        if report.channel and report.message:
            which = f"https://discord.com/channels/{guild_id}/{report.channel}/{report.message}"
        else:
            which = escape_markdown(shortened(" ".join(report.own_text.split()), SHOWN_WORDS)) or report.task
        rows.append(f"- {when} {which}")
        for reason in report.reasons:
            names, said = report_words(reason, locale)
            shown = " · ".join(filter(None, [names, escape_markdown(said)]))
            rows += [f"  - {shown}"] if shown else []
    if hidden:
        rows.append("-# " + say("status.reports_hidden", locale, count=hidden))
    return rows


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
