"""A member who leaves a server: what they judged stands, nothing new counts, and they can have it erased.

Without the privileged members intent no event tells that somebody left, so none is needed.
"""

from __future__ import annotations

import time
from pathlib import Path

import discord
import pytest
from simcord import BackendError, SetupError

from bot.client import MoyouClient
from engine import Journal, Manner, forget_old, kept_of, set_manner
from tests.discord_world import World, world
from tests.test_feedback import answered, facts_of, values
from tests.test_feedback_command import place, reviews


async def recounted(w: World, answer: discord.Message) -> None:
    """Somebody comes to the message anew, and a new session recounts it."""
    await w.bot.reactions.settle(await w.bot.get_channel(w.channel.id).fetch_message(answer.id))
    await w.env.restart_bot(MoyouClient(w.engine, w.journal, w.bot.settings, shard_count=1))
    await w.env.settle()


async def test_what_they_judged_stands_also_in_a_recount_and_nothing_new_counts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.bob.react(answer, "👍")
        await w.alice.react(answer, "👎")
        w.guild.remove_member(w.bob)
        await w.env.settle()
        assert await values(w) == [1.0, -1.0]
        await recounted(w, answer)  # Discord lists the reactions of who left
        assert await values(w) == [1.0, -1.0]
        generation = await w.journal(Journal.generation_of, answer.id)
        with pytest.raises(SetupError):
            await w.bob.react(answer, "👎")
        with pytest.raises(SetupError):
            await w.bob.click(answer, custom_id=f"moyou:down:{generation}")
        assert await values(w) == [1.0, -1.0]
        assert await w.journal(facts_of) == [0, 0]


async def test_a_moderator_who_left_judges_and_exports_nothing_also_when_back_as_a_member(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as (w, mo):
        page = (await mo.slash(w.channel, "feedback review")).response
        await mo.click(page, label="bad")
        assert len(await w.journal(reviews)) == 1
        w.guild.remove_member(mo)
        await w.env.settle()
        with pytest.raises(SetupError):
            await mo.click(page, label="bad")
        with pytest.raises(BackendError, match="Missing Access"):
            await mo.slash(w.channel, "feedback export", format="csv")
        back = w.guild.add_member(mo.user)
        refused = await back.click(page, label="bad")
        assert "cannot be used here" in refused.response.content
        with pytest.raises(SetupError):
            await back.slash(w.channel, "feedback export", format="csv")
        assert len(await w.journal(reviews)) == 1, "what they judged as a moderator stands"


async def test_who_left_is_forgotten_when_they_say_so_in_a_direct_message(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await left_behind(w)
        shown = await w.bob.user.slash("privacy")
        assert "judgements" in shown.response.content
        await w.bob.user.click(shown.response, label="Forget me")
        await w.bob.user.click(shown.response, label="Yes, erase everything")
        assert (await w.journal(kept_of, str(w.bob.id))).nothing
        assert await values(w) == [-1.0]


async def test_who_left_is_forgotten_by_time_but_for_a_refusal(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await left_behind(w)
        await w.journal(set_manner, str(w.bob.id), Manner("lively"))
        await w.journal(Journal.set_keep, str(w.bob.id), True)
        await w.journal(Journal.set_keep, str(w.alice.id), False)
        await w.journal(later, 729)
        others = (await w.journal(kept_of, str(w.bob.id))).others
        assert others == {"left_out": 0, "manners": 1, "people": 1}
        await w.journal(later, 731)
        assert (await w.journal(kept_of, str(w.bob.id))).nothing
        assert await values(w) == []
        assert not await w.journal(Journal.may_keep, str(w.alice.id))


async def left_behind(w: World) -> None:
    """Bob asked and judged, Alice judged, and Bob left."""
    answer = await answered(w)
    await w.bob.send(w.channel, f"{w.me} 在吗")
    await w.bob.react(answer, "👍")
    await w.alice.react(answer, "👎")
    w.guild.remove_member(w.bob)
    await w.env.settle()
    kept = await w.journal(kept_of, str(w.bob.id))
    assert (kept.replies, kept.judgements) == (1, 1)


def later(journal: Journal, days: float) -> None:
    """So many days pass, and what is older than 730 days goes."""
    then = time.time() + days * 86_400
    journal._clock = lambda: then
    forget_old(journal, 730)
