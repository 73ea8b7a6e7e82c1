"""`/feedback` in Discord: the report with its picture, the review queue by taps and form, the export."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.client import MoyouClient
from bot.review import readable
from bot.settings import Settings
from engine import Fact, Journal, Place, Request, tuned
from tests.discord_world import World, world
from tests.replies import WORDS, draft, reply
from tests.test_tuned import make


@asynccontextmanager
async def place(tmp_path: Path, people: int = 6) -> AsyncIterator[tuple[World, Any]]:
    """A world where people judged 20 replies, two of them in a channel that moderators may not read."""
    settings = Settings(member_pace=0, guild_pace=0, data=tmp_path)
    async with world(tmp_path, settings=settings) as w:
        rights = discord.Permissions(manage_guild=True)
        role = w.guild.create_role("moderators", permissions=rights)
        mo = w.guild.add_member(w.env.create_user("mo"), roles=[role])
        await w.journal(fill, str(w.guild.id), str(w.channel.id), people)
        yield w, mo


def fill(journal: Journal, guild: str, channel: str, people: int) -> None:
    """Chat is liked more than poems; g00 is disputed, g01 reported, g02 the model is unsure about."""
    for number in range(20):
        task = "chat" if number % 2 else "poem"
        own = f"第{number}条□" if number == 0 else f"第{number}条"
        one = draft(own.replace("□", WORDS), own, scores={"reward": 0.52 if number == 2 else 0.97}, score=0.9)
        other = draft("另一个", score=0.1)
        written = reply(f"g{number:02}", one.text, task=task, drafts=(one, other), reward_model="abc")
        where = Place("discord", guild, channel if number < 18 else "424242")
        journal.record(Request(task, text=WORDS), written, "asker", where)
        for person in range(people if number else 4):
            liked = person % 2 == 0 if number == 0 else number % 2 == 1 and number < 19
            journal.react(Fact(f"g{number:02}", f"p{person}", "button", 1.0 if liked else -1.0, "up"))
    journal.attach("g01", 7001)
    journal.react(Fact("g01", "p9", "button", -1.0, "report", "harmful\n很不好"))


def reviews(journal: Journal) -> list[tuple[str, float, str]]:
    rows = journal._db.execute(
        "SELECT generation, value, reason FROM facts WHERE kind = 'review' AND withdrawn = 0 "
        "ORDER BY reply, sequence"
    )
    return [tuple(row) for row in rows]


async def test_the_report_counts_people_names_channels_and_shows_promotions(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        version = make(w.bot.settings.tuned, 1)
        gain = {"value": 0.03, "low": 0.01, "high": 0.05}
        tuned.write_report(w.bot.settings.tuned / "reward" / version, {"over_nothing": gain})
        tuned.promote(w.bot.settings.tuned, "reward", version)
        result = await mo.slash(w.channel, "feedback report")
        assert result.ephemeral
        said = result.response.content
        assert "119 judgements from 7 people: 👍 56 👎 63" in said
        assert "- chat: 89 % 👍" in said
        assert f"- <#{w.channel.id}>" in said
        assert "424242" not in said
        assert "(a channel that is gone or not open to you)" in said
        assert f"reward/{version}: +0.030 (+0.010 to +0.050)" in said
        assert WORDS not in said


async def test_the_report_has_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    async with place(tmp_path) as (w, mo):
        result = await mo.slash(w.channel, "feedback report")
        [attached] = result.response.attachments
        assert attached.filename == "moyou-report.png"
        assert "119 judgements" in (attached.description or ""), "said for who does not see it"


async def test_few_judgements_are_said_to_be_few(tmp_path: Path) -> None:
    async with place(tmp_path, people=2) as (w, mo):
        said = (await mo.slash(w.channel, "feedback report")).response.content
        assert "- poem: 22 from 4, too few to say" in said
        assert "- the best by score" not in said, "there is nothing to compare it with"


async def test_nothing_judged_is_said(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        rights = discord.Permissions(manage_guild=True)
        mo = w.guild.add_member(w.env.create_user("mo"), roles=[w.guild.create_role("m", permissions=rights)])
        assert (
            await mo.slash(w.channel, "feedback report")
        ).response.content == "Nobody has judged anything yet."
        review = await mo.slash(w.channel, "feedback review")
        assert review.response.content.startswith("Nothing is left to review.")


async def test_the_queue_goes_by_taps_from_what_teaches_most(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        shown = await mo.slash(w.channel, "feedback review")
        assert shown.ephemeral
        page = shown.response
        assert "> 第1条" in page.content
        assert "reported" in page.content
        assert "- harmful or dangerous · 很不好" in page.content
        assert f"/{w.channel.id}/7001)" in page.content
        await mo.click(page, label="unsafe")
        assert page.content.startswith("Noted: unsafe.")
        assert "> 第0条□" in page.content
        assert "disputed" in page.content
        assert WORDS not in page.content
        await mo.click(page, label="skip")
        assert "> 第2条" in page.content
        assert "the reward model is unsure" in page.content
        await mo.click(page, label="good")
        assert await w.journal(reviews) == [("g01", -1.0, "unsafe"), ("g02", 1.0, "good")]
        await mo.click(page, label="take the last back")
        assert len(await w.journal(reviews)) == 2
        assert "Taken back." in page.content
        assert "> 第2条" in page.content


async def test_a_form_takes_reasons_and_a_rewrite(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        page = (await mo.slash(w.channel, "feedback review")).response
        form = await mo.click(page, label="reasons, rewrite")
        assert form.modal["title"] == "Review"
        await mo.submit_modal(form, {"verdict": ["bad"], "reasons": ["dull"], "words": "月亮出来了"})
        assert await w.journal(reviews) == [("g01", -1.0, "bad,dull\n月亮出来了")]
        # a rewrite is a review: it is nobody's training data
        assert "月亮" not in json.dumps([one.own_text for one in await w.journal(Journal.judged)])


async def test_replies_of_places_the_moderator_may_not_read_are_not_shown(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        page = (await mo.slash(w.channel, "feedback review")).response
        seen = set()
        for _ in range(30):
            lines = [line for line in page.content.splitlines() if line.startswith("> 第")]
            if not lines:
                break
            seen.add(lines[0])
            await mo.click(page, label="good")
        assert len(seen) == 18
        assert "Nothing is left to review." in page.content
        assert "18 reviews" in page.content


async def test_two_reviewers_agreement_is_shown_once_they_share_enough(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        rights = discord.Permissions(manage_guild=True)
        role = w.guild.create_role("more", permissions=rights)
        other = w.guild.add_member(w.env.create_user("other"), roles=[role])
        for who in (mo, other):
            page = (await who.slash(w.channel, "feedback review")).response
            for number in range(12):
                assert "κ needs 10" in page.content or who is other
                await who.click(page, label="good" if number % 3 else "bad")
        assert "12 replies judged by two" in page.content
        assert "Cohen's κ" in page.content


async def test_a_page_works_after_a_restart_and_not_for_who_may_no_longer(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        page = (await mo.slash(w.channel, "feedback review")).response
        await w.env.restart_bot(MoyouClient(w.engine, w.journal, w.bot.settings, shard_count=1))
        await mo.click(page, label="bad")
        assert await w.journal(reviews) == [("g01", -1.0, "bad")]
        with w.interactions(member={**member_of(w, mo), "permissions": "0"}):
            refused = await mo.click(page, label="bad")
        assert "cannot be used here" in refused.response.content
        assert len(await w.journal(reviews)) == 1


def member_of(w: World, who: Any) -> dict[str, Any]:
    user = {"id": str(who.id), "username": "mo", "discriminator": "0", "avatar": None, "global_name": None}
    return {
        "user": user,
        "roles": [],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


@pytest.mark.parametrize("format", ["kto", "dpo", "csv"])
async def test_the_export_is_of_this_server_alone_with_its_card(tmp_path: Path, format: str) -> None:
    async with place(tmp_path) as (w, mo):
        await w.journal(fill_elsewhere)
        result = await mo.slash(w.channel, "feedback export", format=format)
        assert result.ephemeral
        names = sorted(each.filename for each in result.response.attachments)
        end = "csv" if format == "csv" else "jsonl"
        assert names == [f"moyou-{format}.{end}", f"moyou-{format}.{end}.md"]
        # two of the replies stand where mo may not read
        lines = {"kto": 107, "dpo": 0, "csv": 18}[format]
        assert result.response.content.startswith(f"{lines} lines")


def fill_elsewhere(journal: Journal) -> None:
    journal.record(Request("chat"), reply("x1"), "asker", Place("discord", "99", "98"))
    journal.react(Fact("x1", "p1", "button", 1.0, "up"))


async def test_an_administrator_exports_what_is_closed_to_others(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, _):
        role = w.guild.create_role("admin", permissions=discord.Permissions(administrator=True))
        admin = w.guild.add_member(w.env.create_user("admin"), roles=[role])
        result = await admin.slash(w.channel, "feedback export", format="csv")
        assert "20 lines" in result.response.content


async def test_nothing_judged_here_is_said_although_models_were_promoted(tmp_path: Path) -> None:
    settings = Settings(member_pace=0, guild_pace=0, data=tmp_path)
    async with world(tmp_path, settings=settings) as w:
        version = make(settings.tuned, 1)
        gain = {"value": 0.03, "low": 0.01, "high": 0.05}
        tuned.write_report(settings.tuned / "reward" / version, {"over_nothing": gain})
        tuned.promote(settings.tuned, "reward", version)
        rights = discord.Permissions(manage_guild=True)
        mo = w.guild.add_member(w.env.create_user("mo"), roles=[w.guild.create_role("m", permissions=rights)])
        said = (await mo.slash(w.channel, "feedback report")).response.content
        assert said == "Nobody has judged anything yet."


async def test_a_long_reply_full_of_signs_with_long_reports_still_fits_a_message(tmp_path: Path) -> None:
    async with place(tmp_path) as (w, mo):
        await w.journal(fill_long, str(w.guild.id), str(w.channel.id))
        page = (await mo.slash(w.channel, "feedback review")).response
        assert "> \\*" in page.content
        assert len(page.content) <= 2000
        await mo.click(page, label="good")
        assert page.content.startswith("Noted: good.")


def fill_long(journal: Journal, guild: str, channel: str) -> None:
    text = "*_\n" * 500
    journal.record(Request("chat"), reply("long", text), "asker", Place("discord", guild, channel))
    for number in range(9):
        journal.react(Fact("long", f"p{number}", "button", -1.0, "report", "spam\n" + "*很不好" * 50))
        journal.react(Fact("long", f"q{number}", "button", 1.0, "up"))  # disputed: it comes first


@pytest.mark.parametrize("manages", [False, True])
async def test_replies_of_a_private_thread_are_for_those_in_it_and_who_manages_threads(
    tmp_path: Path, manages: bool
) -> None:
    async with world(tmp_path) as w:
        channel = w.bot.get_channel(w.channel.id)
        private = await channel.create_thread(name="密谈", type=discord.ChannelType.private_thread)
        rights = discord.Permissions(manage_guild=True, manage_threads=manages)
        mo = w.guild.add_member(w.env.create_user("mo"), roles=[w.guild.create_role("m", permissions=rights)])
        await w.journal(whisper, str(w.guild.id), str(private.id))
        said = (await mo.slash(w.channel, "feedback review")).response.content
        assert ("> 悄悄话" in said) is manages
        said = (await mo.slash(w.channel, "feedback export", format="csv")).response.content
        assert said.startswith(f"{int(manages)} lines")
        member = await w.bot.get_guild(w.guild.id).fetch_member(mo.id)
        private.owner_id = mo.id
        assert readable(private, member)


def whisper(journal: Journal, guild: str, channel: str) -> None:
    journal.record(Request("chat"), reply("w", "悄悄话"), "asker", Place("discord", guild, channel))
    journal.react(Fact("w", "p1", "button", 1.0, "up"))
