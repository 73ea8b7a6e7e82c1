"""`/model` in Discord: who sees it, what it tells, and that a switch holds at once and is taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.settings import Settings
from engine import Journal, Request, tuned
from engine.trial import Trial, begin, running
from engine.tuned import CurrentReward
from tests.discord_world import World, world
from tests.replies import HERE, reply
from tests.test_tuned import make

GAIN = {"value": 0.041, "low": 0.012, "high": 0.07}


@asynccontextmanager
async def place(tmp_path: Path) -> AsyncIterator[tuple[World, list[str], Any]]:
    """A world whose owner has two tuned versions, and somebody who manages the server."""
    settings = Settings(member_pace=0, guild_pace=0, data=tmp_path)
    versions = [make(settings.tuned, seed) for seed in range(2)]
    for number, version in enumerate(versions):
        report: dict[str, object] = {
            **{"parent": versions[0] if number else "", "since": 1.7e9, "until": 1.76e9},
            **{"judgements": 300 + number, "people": 12, "over_nothing": GAIN, "over_current": None},
        }
        tuned.write_report(settings.tuned / "reward" / version, report)
    async with world(tmp_path, settings=settings) as w:
        rights = discord.Permissions(manage_guild=True)
        role = w.guild.create_role("moderators", permissions=rights)
        yield w, versions, w.guild.add_member(w.env.create_user("mo"), roles=[role])


async def told(w: World, who: Any, what: str, **options: str) -> str:
    result = await who.slash(w.channel, f"model {what}", **options)
    assert result.ephemeral
    return str(result.response.content)


async def test_versions_are_listed_with_parents_data_and_gain_for_moderators_only(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, versions, mo):
        assert "model" not in {name.split()[0] for name in w.alice.available_commands(w.channel)}
        said = await told(w, mo, "list")
        for version in versions:
            assert f"**reward/{version}**" in said
        assert f"Came from reward/{versions[0]}" in said
        assert "Came from reward as shipped" in said
        assert "301 judgements from 12 people · 2023-11-14 to 2025-10-09" in said
        assert "+0.041 (95 % interval +0.012 to +0.070)" in said
        assert "in force" not in said


async def test_a_promotion_holds_at_once_and_is_taken_back(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, versions, mo):
        running = CurrentReward(tmp_path / "models")
        assert running.hash == ""
        assert f"reward/{versions[1]} is in force now" in await told(
            w, mo, "promote", version=f"reward/{versions[1]}"
        )
        assert running.hash == versions[1]
        said = await told(w, mo, "list")
        assert f"**reward/{versions[1]}** ✓ in force" in said
        assert "promoted reward/" in said
        assert "Back to reward as shipped." in await told(w, mo, "rollback", model="reward")
        assert running.hash == ""
        assert "no earlier version" in await told(w, mo, "rollback", model="reward")


async def test_a_live_test_is_begun_shown_and_not_cut_short(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, versions, mo):
        models, (old, new) = tmp_path / "models", versions
        assert "No live test runs." in await told(w, mo, "trial")
        tuned.promote(models, "reward", old)
        said = await told(w, mo, "trial", version=f"reward/{new}")
        assert f"A live test of reward/{new} against reward/{old} begins, over 3000 replies" in said
        found = running(models)
        assert found is not None
        assert (found.version, found.against) == (new, old)
        await w.journal(answered, begin(models, new, now=found.began - 3 * 86_400))
        for part in ("trial", "list"):
            said = await told(w, mo, part)
            assert f"reward/{new} against reward/{old} since" in said
            assert "of replies a day old, 1 by the new one and 2 as before" in said
        assert f"A live test of reward/{new} runs" in await told(w, mo, "trial", version=f"reward/{new}")
        assert "no such version" in await told(w, mo, "trial", version="talk/x")
        w.env.create_guild("另一个服务器")
        await w.env.settle()
        assert "only its owner" in await told(w, mo, "trial", version=f"reward/{new}")
        tuned.promote(models, "reward", new)
        assert "No live test runs." in await told(w, mo, "trial")


def answered(journal: Journal, live: Trial) -> None:
    """Three replies of the time when it began, of both arms."""
    for number, version in enumerate((live.version, live.against, live.against)):
        journal.record(Request("chat"), reply(f"t{number}", reward_model=version), "asker", HERE)
    journal._db.execute("UPDATE replies SET at = ? WHERE id LIKE 't%'", (live.began,))


async def test_two_versions_are_compared_line_by_line(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, versions, mo):
        names = [f"reward/{version}" for version in versions]
        said = await told(w, mo, "compare", first=names[0], second=names[1])
        assert "- judgements: 300 · 301" in said
        assert "people: 12" not in said, "what is the same is not repeated"


@pytest.mark.parametrize("name", ["reward/nothing", "../reward/x", "journal.db", ""])
async def test_what_there_is_not_is_said_without_the_machines_paths(tmp_path: Path, name: str) -> None:
    async with place(tmp_path) as (w, _, mo):
        said = await told(w, mo, "promote", version=name or "x")
        assert "There is no such version or model" in said
        assert "no such" in await told(w, mo, "compare", first=name or "x", second="y")
        assert "no such" in await told(w, mo, "rollback", model=name or "x")
        assert str(tmp_path) not in said
        assert tuned.current(tmp_path / "models", "reward") == ""


async def test_in_more_than_one_server_only_the_owner_changes_models(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, versions, mo):
        w.env.create_guild("另一个服务器")
        await w.env.settle()
        name = f"reward/{versions[0]}"
        assert "only its owner" in await told(w, mo, "promote", version=name)
        assert "only its owner" in await told(w, mo, "rollback", model="reward")
        assert tuned.current(tmp_path / "models", "reward") == ""
        application = w.bot.application
        assert application is not None
        assert application.owner.id != mo.id
        application.owner = type("Owner", (), {"id": mo.id})()  # type: ignore[assignment]
        application.team = None
        assert "in force now" in await told(w, mo, "promote", version=name)


@pytest.mark.parametrize(
    ("role", "accepted", "may"),
    [("admin", True, True), ("developer", True, True), ("read_only", True, False), ("admin", False, False)],
)
async def test_of_a_team_those_decide_who_joined_and_may_do_more_than_read(
    tmp_path: Path, role: str, accepted: bool, may: bool
) -> None:
    async with place(tmp_path) as (w, versions, mo):
        w.env.create_guild("另一个服务器")
        await w.env.settle()
        application = w.bot.application
        assert application is not None
        states = discord.TeamMembershipState
        member = SimpleNamespace(
            id=mo.id,
            role=discord.TeamMemberRole(role),
            membership_state=states.accepted if accepted else states.invited,
        )
        application.team = SimpleNamespace(members=[member], owner_id=1)  # type: ignore[assignment]
        said = await told(w, mo, "promote", version=f"reward/{versions[0]}")
        assert ("in force now" in said) is may
