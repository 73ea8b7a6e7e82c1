"""`/feedback`: what people thought, for those who manage a server: report, review queue, export.

Knows: the command and its parts, how a report and an export are delivered, always privately, and that a
moderator is shown only channels that they may read.
Does not know: how anything is counted (the engine), how reviews are given (`bot.review`).
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any, cast

import discord
from discord import app_commands

from bot import liking
from bot.answering import Answering, guarded
from bot.installs import in_servers
from bot.review import page, readable_channels
from bot.splitting import split
from bot.translator import words
from bot.wording import say, sentence_of
from engine import (
    FORMATS,
    ExtraMissing,
    can_write_chinese,
    export,
    feedback_report,
    picture,
    switches,
)

FILE = "moyou-report.png"
LARGEST = 8_000_000
"""Bytes of an export that Discord takes in every server."""


def feedback_command(answering: Answering) -> app_commands.Group:
    """The command with its parts; shown to members with Manage Server unless decided otherwise."""
    group = app_commands.Group(
        name="feedback",
        description=words("feedback.description"),
        default_permissions=discord.Permissions(manage_guild=True),
    )
    in_servers(group)

    @group.command(name="report", description=words("feedback.report.description"))
    async def report(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command feedback report"):
            await interaction.response.defer(thinking=True, ephemeral=True)
            await _report(interaction, answering)

    @group.command(name="review", description=words("feedback.review.description"))
    async def queue(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command feedback review"):
            text, view = await page(interaction, answering)
            await interaction.response.send_message(text, view=view, ephemeral=True, suppress_embeds=True)

    async def export_as(interaction: discord.Interaction[Any], format: app_commands.Choice[str]) -> None:
        async with guarded(answering, interaction, "command feedback export"):
            await interaction.response.defer(thinking=True, ephemeral=True)
            await _export(interaction, answering, format.value)

    # the library finds annotations by name in the module, where `from __future__` hides them
    command = app_commands.Command[Any, ..., Any](
        name="export", description=words("feedback.export.description"), callback=export_as
    )
    command = app_commands.choices(format=[app_commands.Choice(name=name, value=name) for name in FORMATS])(
        app_commands.describe(format=words("feedback.export.format"))(command)
    )
    group.add_command(command)
    return group


async def _report(interaction: discord.Interaction[Any], answering: Answering) -> None:
    locale = str(interaction.locale)
    channels = readable_channels(interaction)
    found = await answering.journal(feedback_report, str(interaction.guild_id), tuple(channels))
    changes = await asyncio.to_thread(switches, answering.settings.tuned)
    tasks = answering.engine.tasks
    written = liking.told(
        found, changes, tasks, locale, lambda identity: f"<#{identity}>" if identity in channels else ""
    )
    rows = liking.lines(written, locale)
    files = []
    if written.panels and written.whole.judged:
        try:
            # where no font has Chinese characters the picture is in English
            drawn = locale if locale.startswith("en") or await asyncio.to_thread(can_write_chinese) else "en"
            shown = liking.told(
                found,
                changes,
                tasks,
                drawn,
                lambda identity: f"#{channels[identity]}" if identity in channels else "",
            )
            data = await asyncio.to_thread(picture, shown.title, shown.panels)
            files = [discord.File(io.BytesIO(data), FILE, description=rows[1][:1000])]
            rows = [*rows[:3], f"-# {say('liked.how', locale)}", *rows[3:]]
        except ExtraMissing as error:
            rows.append(f"-# {say('liked.no_picture', locale, reason=sentence_of(error, locale))}")
    parts = split("\n".join(rows))
    await interaction.edit_original_response(content=parts[0], attachments=files)
    for part in parts[1:]:
        await interaction.followup.send(part, ephemeral=True)


async def _export(interaction: discord.Interaction[Any], answering: Answering, format: str) -> None:
    locale = str(interaction.locale)
    # an administrator reads everything, also what is closed or gone today
    channels = None if interaction.permissions.administrator else tuple(readable_channels(interaction))

    def write() -> tuple[int, list[tuple[str, bytes]]]:
        with tempfile.TemporaryDirectory(prefix="moyou-") as folder:
            suffix = "csv" if format == "csv" else "jsonl"
            out = Path(folder) / f"moyou-{format}.{suffix}"
            rows = export(
                answering.journal.path,
                cast(Any, format),
                out,
                guild=str(interaction.guild_id),
                channels=channels,
            )
            return rows, [(file.name, file.read_bytes()) for file in sorted(Path(folder).iterdir())]

    rows, contents = await asyncio.to_thread(write)
    if sum(len(data) for _, data in contents) > LARGEST:
        await interaction.edit_original_response(content=say("export.too_large", locale))
        return
    files = [discord.File(io.BytesIO(data), name) for name, data in contents]
    await interaction.edit_original_response(content=say("export.done", locale, rows=rows), attachments=files)
