"""`/model`: the tuned models from within Discord: list, compare, try live, promote, roll back.

Knows: the command, who may change what is in force (Moyou's owner; where it is in one server only, whoever
manages that), how a version is described. Does not know: how a switch happens (the engine; running ones
take it up by themselves).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import discord
from discord import app_commands

from bot.answering import Answering, guarded
from bot.installs import in_servers
from bot.liking import day, gain_text
from bot.splitting import split
from bot.translator import words
from bot.wording import say
from engine import (
    Gain,
    ModelMissing,
    Standing,
    TunedVersion,
    begin_trial,
    compare_versions,
    promote_version,
    roll_back,
    switches,
    trial_now,
    tryable,
    tuned_models,
    tuned_versions,
)

P = ParamSpec("P")
Done = TypeVar("Done")

MOST_CHOICES = 25
MOST_SWITCHES = 10


def model_command(answering: Answering) -> app_commands.Group:
    """The command with its parts; shown to members with Manage Server unless decided otherwise."""
    models = answering.settings.tuned
    group = app_commands.Group(
        name="model",
        description=words("model.description"),
        default_permissions=discord.Permissions(manage_guild=True),
    )
    in_servers(group)

    async def show(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command model list"):
            locale = str(interaction.locale)
            found = await asyncio.to_thread(tuned_versions, models)
            changes = await asyncio.to_thread(switches, models)
            rows = [version_text(version, locale) for version in found] or [say("model.none", locale)]
            standing = await answering.journal(trial_now, models)
            if standing is not None:
                rows.append(f"**{say('model.trial', locale)}** {trial_text(standing, locale)}")
            if changes:
                rows.append(f"**{say('model.history', locale)}**")
                rows += [
                    f"- <t:{change.at:.0f}:d> {say(f'model.switch.{change.action}', locale)} "
                    f"{name_of(change.model, change.after, locale)}"
                    for change in reversed(changes[-MOST_SWITCHES:])
                ]
            await _tell(interaction, rows)

    async def compare(interaction: discord.Interaction[Any], first: str, second: str) -> None:
        async with guarded(answering, interaction, "command model compare"):
            locale = str(interaction.locale)
            found = await _done(interaction, compare_versions, models, first, second)
            if found is None:
                return
            rows = [version_text(found.first, locale), version_text(found.second, locale)]
            rows += [f"- {name}: {_plain(a)} · {_plain(b)}" for name, a, b in found.rows if a != b]
            await _tell(interaction, rows)

    async def promote(interaction: discord.Interaction[Any], version: str) -> None:
        async with guarded(answering, interaction, "command model promote"):
            locale = str(interaction.locale)
            if not may_change(interaction, answering):
                await _tell(interaction, [say("model.owner_only", locale)])
                return
            now = await _done(interaction, promote_version, models, version)
            if now is not None:
                await _tell(interaction, [say("model.promoted", locale, model=now.name)])

    async def rollback(interaction: discord.Interaction[Any], model: str) -> None:
        async with guarded(answering, interaction, "command model rollback"):
            locale = str(interaction.locale)
            if not may_change(interaction, answering):
                await _tell(interaction, [say("model.owner_only", locale)])
                return
            now = await _done(interaction, roll_back, models, model)
            if now is not None:
                text = say("model.rolled_back", locale, model=name_of(model, now, locale))
                await _tell(interaction, [text])

    async def trial(interaction: discord.Interaction[Any], version: str = "") -> None:
        async with guarded(answering, interaction, "command model trial"):
            locale = str(interaction.locale)
            if not version:
                standing = await answering.journal(trial_now, models)
                said = say("model.trial_none", locale) if standing is None else trial_text(standing, locale)
                await _tell(interaction, [said, say("model.trial_lead", locale)])
                return
            if not may_change(interaction, answering):
                await _tell(interaction, [say("model.owner_only", locale)])
                return
            begun = await _done(interaction, begin_trial, models, version)
            if begun is not None:
                against = name_of("reward", begun.against, locale)
                names = {"model": version, "against": against, "most": begun.most}
                await _tell(interaction, [say("model.trial_begun", locale, **names)])

    async def triable(_: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        return _choices(await asyncio.to_thread(tryable, models), typed)

    async def versions(_: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        found = await asyncio.to_thread(tuned_versions, models)
        return _choices([version.name for version in found], typed)

    async def names(_: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        return _choices(await asyncio.to_thread(tuned_models, models), typed)

    for name, callback, options in (
        ("list", show, {}),
        ("compare", compare, {"first": versions, "second": versions}),
        ("trial", trial, {"version": triable}),
        ("promote", promote, {"version": versions}),
        ("rollback", rollback, {"model": names}),
    ):
        described = {option: words(f"model.{option}") for option in options}
        command: app_commands.Command[Any, ..., Any] = app_commands.Command(
            name=name, description=words(f"model.{name}.description"), callback=callback
        )
        if options:
            app_commands.describe(**described)(command)
        for option, complete in options.items():
            command.autocomplete(option)(complete)
        group.add_command(command)
    return group


def may_change(interaction: discord.Interaction[Any], answering: Answering) -> bool:
    """Whether this member may decide for all of Moyou which model is in force."""
    application = interaction.client.application
    team = getattr(application, "team", None)
    # as discord.py has it: who was only invited, or may only read, decides nothing
    owners = {
        member.id
        for member in (team.members if team is not None else ())
        if member.membership_state is discord.TeamMembershipState.accepted
        and member.role in (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)
    }
    owners |= {team.owner_id} if team is not None and team.owner_id else set()
    owner = getattr(application, "owner", None)
    owners |= {owner.id} if owner is not None else set()
    if interaction.user.id in owners:
        return True
    sole = len(interaction.client.guilds) == 1 and answering.settings.shards is None
    return sole and interaction.guild_id is not None and interaction.permissions.manage_guild


def version_text(version: TunedVersion, locale: str) -> str:
    """A version with what it came from, what it learnt from and what it gained."""
    parts = [f"**{version.name}**" + (f" ✓ {say('model.in_force', locale)}" if version.in_force else "")]
    parts.append(f"{say('model.made', locale)} <t:{version.made:.0f}:f>")
    parts.append(f"{say('model.parent', locale)} {parent_text(version, locale)}")
    parts.append(f"{say('model.data', locale)} {data_text(version, locale)}")
    parts.append(f"{say('model.gain', locale)} {gained_text(version, locale)}")
    return "\n  - ".join(parts)


def parent_text(version: TunedVersion, locale: str) -> str:
    if version.parent is None:
        return say("model.unknown", locale)
    # a writing model came from a checkpoint, named with its hash, the shipped one or one made here
    return version.parent if "@" in version.parent else name_of(version.model, version.parent, locale)


def data_text(version: TunedVersion, locale: str) -> str:
    """How many judgements of how many people, and from when to when."""
    if not version.judgements:
        return say("model.unknown", locale)
    learnt = say("model.learnt", locale, judgements=version.judgements, people=version.people)
    if not version.until:
        return learnt
    span = say("model.range", locale, since=day(version.since), until=day(version.until))
    return f"{learnt} · {span}"


def gained_text(version: TunedVersion, locale: str) -> str:
    if version.gain is None:
        return say("model.unknown", locale)
    gain = gain_text(version.gain, locale)
    against = version.against
    return say("model.gain_over", locale, against=against, gain=gain) if against else gain


def trial_text(standing: Standing, locale: str) -> str:
    """How a live test stands. Its bounds hold whenever one looks."""
    trial, gain = standing.trial, standing.gain
    known = math.isfinite(gain.low) and math.isfinite(gain.high) and standing.looked_at > 0
    return say(
        "model.trial_stands",
        locale,
        model=name_of("reward", trial.version, locale),
        against=name_of("reward", trial.against, locale),
        since=day(trial.began),
        new=standing.new,
        old=standing.old,
        gain=gain_text(Gain(gain.value, gain.low, gain.high), locale)
        if known
        else say("model.unknown", locale),
        most=trial.most,
    )


def name_of(model: str, version: str, locale: str) -> str:
    return f"{model}/{version}" if version else f"{model} {say('model.shipped', locale)}"


def _choices(names: Any, typed: str) -> list[app_commands.Choice[str]]:
    found = [name for name in names if typed.lower() in name.lower()]
    return [app_commands.Choice(name=name, value=name) for name in found[:MOST_CHOICES]]


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)


async def _done(
    interaction: discord.Interaction[Any], work: Callable[P, Done], *args: P.args, **kwargs: P.kwargs
) -> Done | None:
    """What `work` returns; None, and told, where there is no such version or model."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except ModelMissing:
        await _tell(interaction, [say("model.no_such", str(interaction.locale))])
        return None


async def _tell(interaction: discord.Interaction[Any], rows: list[str]) -> None:
    parts = split("\n".join(rows))
    await interaction.response.send_message(parts[0], ephemeral=True)
    for part in parts[1:]:
        await interaction.followup.send(part, ephemeral=True)
