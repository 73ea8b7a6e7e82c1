"""What people can do with a message by its menu: the tasks that say so, *why* and *report*.

Knows: how a message becomes a task's text, that only Moyou's own replies can be explained and reported.
Does not know: any task by name, who reads reports.
"""

from __future__ import annotations

import time
from typing import Any

import discord
from discord import app_commands
from discord.utils import escape_markdown

from bot.answering import Answering, asker_of, guarded
from bot.attachments import texts_of
from bot.context import UNKNOWN, masked
from bot.feedback import explain, generation_in
from bot.installs import anywhere, in_servers
from bot.reasons import ReportModal, report_words
from bot.task_command import write
from bot.translator import by_locale, words
from bot.wording import language_of, say
from engine import REPORT, Fact, Journal, Task


def task_menu(task: Task, answering: Answering) -> app_commands.ContextMenu:
    """The task on a message's words; only who asks sees the answer."""

    async def run(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        async with guarded(answering, interaction, f"menu {task.name}"):
            await interaction.response.defer(thinking=True, ephemeral=True)
            main = task.main
            before = await answering.before(asker_of(interaction))
            text, others, holds = await _text(interaction, answering, message)
            given = {main.name: text} if main is not None and text else {}
            await write(
                interaction,
                answering,
                task,
                given,
                private=True,
                others=others,
                holds=holds,
                before=before,
                quoted=False,
            )

    menu = app_commands.ContextMenu(name=by_locale(task.menu), callback=run)
    anywhere(menu)
    return menu


def why_menu(answering: Answering) -> app_commands.ContextMenu:
    async def why_this(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        async with guarded(answering, interaction, "menu why"):
            generation = await _generation(interaction, answering, message)
            if generation:
                await explain(interaction, answering, generation)
            else:
                text = say("why.not_mine", str(interaction.locale))
                await interaction.response.send_message(text, ephemeral=True)

    menu = app_commands.ContextMenu(name=words("menu.why"), callback=why_this)
    anywhere(menu)
    return menu


def report_menu(answering: Answering) -> app_commands.ContextMenu:
    async def report_this(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        async with guarded(answering, interaction, "menu report"):
            locale = str(interaction.locale)
            generation = await _generation(interaction, answering, message)
            if not generation:
                await interaction.response.send_message(say("report.not_mine", locale), ephemeral=True)
                return

            async def told(submitted: discord.Interaction[Any], reason: str) -> None:
                async with guarded(answering, submitted, "report"):
                    await _report(submitted, answering, message, generation, reason)

            await interaction.response.send_modal(ReportModal(locale, told))

    menu = app_commands.ContextMenu(name=words("menu.report"), callback=report_this)
    in_servers(menu)
    return menu


async def _report(
    interaction: discord.Interaction[Any],
    answering: Answering,
    message: discord.Message,
    generation: str,
    reason: str,
) -> None:
    """Notes the report and shows it to moderators where they chose a channel. Nobody hears who it was."""
    await interaction.response.defer(thinking=True, ephemeral=True)
    # it stands beside its person's 👍 or 👎; the later of the two is their judgement
    fact = Fact(generation, str(interaction.user.id), "button", -1.0, REPORT, reason, at=time.time())
    noted = await answering.journal(Journal.react, fact)
    shown = await _show(interaction, answering, message, reason)
    key = "report.shown" if shown else "report.noted" if noted else "report.not_kept"
    await interaction.edit_original_response(content=say(key, str(interaction.locale)))


async def _show(
    interaction: discord.Interaction[Any], answering: Answering, message: discord.Message, reason: str
) -> bool:
    guild = interaction.guild_id or 0
    channel = await answering.choices.report_channel(guild)
    if channel is None:
        return False
    locale = str(interaction.guild_locale or answering.settings.locale)
    names, said = report_words(reason, locale)
    rows = [
        say("report.to_moderators", locale, link=message.jump_url),
        *([f"- {names}"] if names else []),
        *([f"> {escape_markdown(said)}"] if said else []),
    ]
    try:
        where = interaction.client.get_partial_messageable(channel, guild_id=guild)
        await where.send("\n".join(rows), suppress_embeds=True)
    except discord.HTTPException as error:
        answering.failure(error, locale, "report")
        return False
    return True


async def _generation(
    interaction: discord.Interaction[Any], answering: Answering, message: discord.Message
) -> str:
    """The reply that a message of ours shows, "" for any other."""
    if message.author.id != interaction.client.user.id:
        return ""
    known = await answering.journal(Journal.generation_of, message.id)
    return known or generation_in(message) or ""


async def _text(
    interaction: discord.Interaction[Any], answering: Answering, message: discord.Message
) -> tuple[str, set[str], set[str]]:
    """A message's words, names masked; of a reply of ours what was written, without what stands around it.
    Beside them who else said them, and the reply whose request's words they hold: of a message of ours that
    is no known reply nobody knows whose words it quotes, and none are kept (`UNKNOWN`)."""
    generation = await _generation(interaction, answering, message)
    reply = await answering.journal(Journal.reply, generation) if generation else None
    if reply is not None:
        return reply.text, set(), {generation} if reply.copies else set()
    people = {message.author.id}
    if message.interaction_metadata is not None:  # what was asked may stand above the answer
        people.add(message.interaction_metadata.user.id)
    me = interaction.client.user.id
    others = {str(each) for each in people - {interaction.user.id, me}}
    said = masked(message.content, language_of(message.content, str(interaction.locale)))
    return (
        f"{said}\n{await texts_of(message.attachments)}".strip(),
        others,
        {UNKNOWN} if message.author.id == me else set(),
    )
