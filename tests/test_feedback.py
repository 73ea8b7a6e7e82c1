"""Judgements against SimCord: reactions and buttons as facts, taken back when taken back, after a restart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.client import MoyouClient
from bot.settings import Settings
from engine import Fact, Journal, Place, QueueFull, emoji_values_in
from tests.discord_world import World, world


async def answered(w: World, text: str = "你好") -> discord.Message:
    await w.alice.send(w.channel, f"{w.me} {text}")
    return w.sent()[-1]


async def values(w: World) -> list[float]:
    """What stands in the journal, oldest first."""
    return [signal.value for signal in await w.journal(Journal.signals)]


@pytest.mark.parametrize(("emoji", "value"), [("👍", 1.0), ("👎", -1.0), ("👍🏽", 1.0)])
async def test_a_reaction_is_a_judgement_and_taken_back_when_it_is(
    tmp_path: Path, emoji: str, value: float
) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.bob.react(answer, emoji)
        assert await values(w) == [value]
        await w.bob.unreact(answer, emoji)
        assert await values(w) == []


async def test_other_emoji_and_other_messages_judge_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        said = await w.alice.send(w.channel, "大家好")
        await w.bob.react(answer, "🎉")
        await w.bob.react(said, "👍")
        assert await values(w) == []


async def test_one_judgement_a_person_and_the_latest_that_stands_counts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.bob.react(answer, "👍")
        await w.bob.react(answer, "👎")
        await w.alice.react(answer, "👍")
        assert sorted(await values(w)) == [-1.0, 1.0]
        await w.bob.unreact(answer, "👎")
        assert await values(w) == [1.0, 1.0]


OWN = "<:meh:123456789012345678>"


async def test_a_server_decides_what_an_emoji_is_worth(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        table = emoji_values_in(f"❤️ 1\n{OWN} -0.5\n👍 0.25\n👎 0")
        await w.bot.guild_settings.change(w.guild.id, emoji=table)
        answer = await answered(w)
        for emoji, value in (
            ("❤️", 1.0),
            (OWN, -0.5),
            ("<:renamed:123456789012345678>", -0.5),
            ("👍🏿", 0.25),
        ):
            w.env.backend.emit(*reaction(w, answer, "MESSAGE_REACTION_ADD", emoji))
            await w.env.settle()
            assert await values(w) == [value]
            w.env.backend.emit(*reaction(w, answer, "MESSAGE_REACTION_REMOVE", emoji))
            await w.env.settle()
            assert await values(w) == []
        await w.bob.react(answer, "👎")
        await w.bob.react(answer, "🎉")
        assert await values(w) == []
        rows = await w.journal(lambda journal: [*journal._db.execute("SELECT label FROM facts")])
        assert {row[0] for row in rows} == {"❤", "123456789012345678", "👍"}


async def test_a_changed_table_counts_for_reactions_that_come_after(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.bob.react(answer, "👍")
        await w.bot.guild_settings.change(w.guild.id, emoji=emoji_values_in("❤️ 0.5"))
        assert await values(w) == [1.0]
        await w.alice.react(answer, "👍")
        await w.alice.react(answer, "❤️")
        assert sorted(await values(w)) == [0.5, 1.0]
        # what is worth nothing any more can be taken back and cleared
        await w.bob.unreact(answer, "👍")
        assert await values(w) == [0.5]
        # given anew it is worth what it is now
        await w.bot.guild_settings.change(w.guild.id, emoji=emoji_values_in("❤️ 0.75"))
        assert await values(w) == [0.5]
        await w.alice.unreact(answer, "❤️")
        await w.alice.react(answer, "❤️")
        assert await values(w) == [0.75]
        await w.bot.guild_settings.change(w.guild.id, emoji=emoji_values_in("⭐ 1"))
        mine = await w.bot.get_channel(w.channel.id).fetch_message(answer.id)  # type: ignore[union-attr]
        await mine.clear_reaction("❤️")
        await w.env.settle()
        assert await values(w) == []


async def test_in_direct_messages_the_usual_emoji_judge(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.bot.guild_settings.change(w.guild.id, emoji=emoji_values_in("❤️ 1"))
        await w.alice.send_dm("你好")
        [sent] = await w.journal(lambda journal: [*journal._db.execute("SELECT id FROM messages")])
        elsewhere = {"message_id": sent[0], "channel_id": str(w.env.backend.get_dm_channel(w.alice.id).id)}
        for emoji, stand in (("❤️", []), ("👎", [-1.0])):
            name, event = reaction(w, await answered(w), "MESSAGE_REACTION_ADD", emoji)
            del event["guild_id"]
            w.env.backend.emit(name, event | elsewhere)
            await w.env.settle()
            assert await values(w) == stand


async def test_bots_reactions_judge_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        other = w.guild.add_member(w.env.create_user("otherbot", bot=True))
        await other.react(answer, "👍")
        assert await values(w) == []


async def test_cleared_reactions_are_taken_back(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.bob.react(answer, "👍")
        await w.alice.react(answer, "👎")
        mine = await w.bot.get_channel(w.channel.id).fetch_message(answer.id)  # type: ignore[union-attr]
        await mine.clear_reaction("👎")
        await w.env.settle()
        assert await values(w) == [1.0]
        await mine.clear_reactions()
        await w.env.settle()
        assert await values(w) == []


async def test_a_deleted_reply_takes_all_judgements_of_it_along_and_no_others(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer, other = await answered(w), await answered(w, "再见")
        await w.bob.react(answer, "👍")
        await w.alice.click(answer, custom_id="moyou:down:fake-0001")
        await w.bob.react(other, "👎")
        assert sorted(await values(w)) == [-1.0, -1.0, 1.0]
        mine = await w.bot.get_channel(w.channel.id).fetch_message(answer.id)  # type: ignore[union-attr]
        await mine.delete()
        await w.env.settle()
        assert [signal.generation for signal in await w.journal(Journal.signals)] == ["fake-0002"]


async def test_a_reaction_finds_its_reply_by_the_buttons_when_it_was_not_attached(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.journal(detach, answer.id)
        w.env.backend.emit(*reaction(w, answer, "MESSAGE_REACTION_ADD"))
        await w.env.settle()
        assert await values(w) == [1.0]
        assert await w.journal(Journal.generation_of, answer.id) == "fake-0001"


def detach(journal: Journal, message_id: int) -> None:
    """As if the process had died between sending and remembering."""
    journal._db.execute("DELETE FROM sent WHERE id = ?", (message_id,))


async def test_buttons_judge_replace_and_take_back(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        up = await w.bob.click(answer, custom_id="moyou:up:fake-0001")
        assert up.ephemeral
        assert await values(w) == [1.0]
        down = await w.bob.click(answer, custom_id="moyou:down:fake-0001")
        assert await values(w) == [-1.0]
        await w.bob.click(down.response, label="take back")
        assert await values(w) == []
        assert down.response.content == "Taken back."


async def test_buttons_and_reactions_work_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.env.restart_bot(MoyouClient(w.engine, w.journal, Settings(), shard_count=1))
        await w.bob.click(answer, custom_id="moyou:down:fake-0001")
        await w.alice.react(answer, "👍")
        assert sorted(await values(w)) == [-1.0, 1.0]


async def test_again_asks_the_same_with_a_new_seed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        result = await w.bob.click(answer, custom_id="moyou:again:fake-0001")
        assert result.response is not None
        assert result.response.content == "你好!"
        first, second = w.engine.asked
        assert (first.text, first.context) == (second.text, second.context)
        assert second.seed is None
        assert await w.journal(Journal.generation_of, result.response.id) == "fake-0002"
        assert result.response.components


@pytest.mark.parametrize("action", ["again", "vary"])
async def test_a_repeat_keeps_no_words_of_who_has_since_asked_for_none(tmp_path: Path, action: str) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        first = await w.bob.click(answer, custom_id=f"moyou:{action}:fake-0001")
        assert first.response is not None
        assert await w.journal(ends) == 1, "all words end together"
        await w.journal(Journal.set_keep, str(w.alice.id), False)
        await w.bob.click(answer, custom_id=f"moyou:{action}:fake-0001")
        assert await w.journal(Journal.reply, "fake-0003") is not None
        assert await w.journal(Journal.request, "fake-0003") is None


def ends(journal: Journal) -> int:
    """At how many different times words expire."""
    return int(journal._db.execute("SELECT count(DISTINCT expires) FROM words").fetchone()[0])


async def test_again_says_when_the_words_are_gone(tmp_path: Path) -> None:
    async with world(tmp_path, settings=Settings(keep_words_hours=0)) as w:
        answer = await answered(w)
        result = await w.bob.click(answer, custom_id="moyou:again:fake-0001")
        assert result.ephemeral
        assert "have been erased" in result.response.content
        assert "ask again" in result.response.content
        assert len(w.engine.asked) == 1


async def test_vary_writes_near_the_reply_it_is_under_after_a_restart_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.env.restart_bot(MoyouClient(w.engine, w.journal, Settings(), shard_count=1))
        result = await w.bob.click(answer, custom_id="moyou:vary:fake-0001")
        assert result.response is not None
        assert not result.ephemeral
        (near,) = w.engine.varied
        assert near.generation == "fake-0001"
        assert near.latent == (0.25,)
        first, second = w.engine.asked
        assert (first.text, first.context, second.seed) == (second.text, second.context, None)
        assert await w.journal(Journal.generation_of, result.response.id) == "fake-0002"
        await w.alice.click(result.response, custom_id="moyou:up:fake-0002")
        assert await values(w) == [1.0]


async def test_when_nothing_can_be_varied_a_sentence_says_why(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        w.engine.fail = QueueFull(waiting=64)
        result = await w.bob.click(answer, custom_id="moyou:vary:fake-0001")
        assert "Too many people are waiting (64)" in result.response.content
        assert await w.journal(Journal.generation_of, result.response.id) is None


async def test_vary_says_when_the_words_are_gone_and_what_to_do(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.journal(Journal.expire_words, math.inf)
        result = await w.bob.click(answer, custom_id="moyou:vary:fake-0001")
        assert result.ephemeral
        assert "have been erased" in result.response.content
        assert "ask again" in result.response.content
        assert w.engine.varied == []


async def test_only_what_was_written_from_a_latent_can_be_varied(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        written = await answered(w)
        found = await answered(w, "背一句")
        assert actions(written) == ["up", "down", "again", "vary", "why"]
        assert actions(found) == ["up", "down", "again", "why"]


def actions(message: discord.Message) -> list[str]:
    """What the buttons under a message do, in their order."""
    return [button.custom_id.split(":")[1] for row in message.components for button in row.children]


async def test_why_shows_model_seed_origin_drafts_and_scores(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        result = await w.bob.click(answer, custom_id="moyou:why:fake-0001")
        assert result.ephemeral
        content = result.response.content
        for part in (
            "talk@fake",
            "seed 1",
            "by itself",
            "0.75 ✓ 你好!",
            "0.50 另一个草稿",
            "from the book",
            "fit 0.25",
        ):
            assert part in content


async def test_what_was_forgotten_cannot_be_judged_or_explained(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.journal(Journal.forget, str(w.alice.id))
        up = await w.bob.click(answer, custom_id="moyou:up:fake-0001")
        assert "was erased" in up.response.content
        why = await w.bob.click(answer, custom_id="moyou:why:fake-0001")
        assert "was erased" in why.response.content


async def test_who_wants_nothing_kept_is_told_that_a_judgement_was_not(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.journal(Journal.set_keep, str(w.bob.id), False)
        result = await w.bob.click(answer, custom_id="moyou:up:fake-0001")
        assert "/privacy" in result.response.content
        assert await values(w) == []


async def test_events_of_one_message_keep_their_order(tmp_path: Path) -> None:
    """An addition that must first look the message up is not overtaken by its removal."""
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.journal(detach, answer.id)
        for name in ("MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE"):
            w.env.backend.emit(*reaction(w, answer, name))
        await w.env.settle()
        facts = await w.journal(facts_of)
        assert facts == [0, 1]
        assert await values(w) == []


def reaction(w: World, message: discord.Message, name: str, emoji: str = "👍") -> tuple[str, dict[str, Any]]:
    shown = discord.PartialEmoji.from_str(emoji)
    payload = {
        "user_id": str(w.bob.id),
        "channel_id": str(w.channel.id),
        "message_id": str(message.id),
        "guild_id": str(w.guild.id),
        "emoji": {"id": shown.id and str(shown.id), "name": shown.name},
        "burst": False,
        "type": 0,
    }
    if name == "MESSAGE_REACTION_ADD":
        assert w.bot.user is not None
        payload["message_author_id"] = str(w.bot.user.id)
    return name, payload


def facts_of(journal: Journal) -> list[int]:
    return [row[0] for row in journal._db.execute("SELECT withdrawn FROM facts ORDER BY reply, sequence")]


async def test_a_failing_journal_is_said_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        await w.journal.close()
        result = await w.bob.click(answer, custom_id="moyou:up:fake-0001")
        assert result.ephemeral
        assert "reference" in result.response.content


def test_places_and_facts_are_the_engines_own() -> None:
    assert Place("discord").guild == ""
    assert Fact("g", "p", "button", 1.0).withdrawn is False


@pytest.mark.parametrize("shards", [1, 2])
async def test_every_button_works_in_a_server_a_thread_and_directly(tmp_path: Path, shards: int) -> None:
    async with world(tmp_path, shard_count=shards) as w:
        dave = w.env.create_user("dave")
        await dave.send_dm("你好")
        directly = w.env.backend.get_dm_channel(dave.id)
        thread = w.thread_of(w.bob)
        await w.alice.send(w.channel, f"{w.me} 你好")
        await w.alice.send(thread, f"{w.me} 你好")
        [dm] = [m for m in w.env.backend.messages[directly.id].values() if m.author_id != dave.id]
        places = [(w.alice, w.sent()[0]), (w.alice, w.sent(thread)[0]), (dave, shown(w, dm))]
        for number, (who, answer) in enumerate(places, start=1):
            generation = await w.journal(Journal.generation_of, answer.id)
            for action in ("up", "down", "again", "vary", "why"):
                result = await who.click(answer, custom_id=f"moyou:{action}:{generation}")
                assert result.response.content
                assert result.ephemeral == (action in ("up", "down", "why"))
            assert await values(w) == [-1.0] * number


def shown(w: World, stored: Any) -> discord.Message:
    """A message of SimCord's as the bot's library holds it."""
    from simcord.results import to_discord_message

    return to_discord_message(w.env, stored)


async def test_a_dislike_offers_one_private_question(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        up = await w.bob.click(answer, custom_id="moyou:up:fake-0001")
        assert len(up.response.components[0]["components"]) == 1
        down = await w.bob.click(answer, custom_id="moyou:down:fake-0001")
        assert down.ephemeral
        shown = await w.bob.click(down.response, custom_id="moyou:reason:fake-0001")
        assert shown.modal["title"] == "What is wrong with it?"
        words = "月" * 200
        told = await w.bob.submit_modal(shown, {"reasons": ["dull", "off_topic"], "words": words})
        [signal] = await w.journal(Journal.signals)
        assert (signal.value, signal.reason) == (-1.0, f"dull,off_topic\n{words}")
        assert len(signal.reason) <= 300
        assert down.response.content == "Noted, thank you for telling me."
        await w.bob.click(down.response, custom_id="moyou:undo:fake-0001")
        assert await values(w) == []
        assert told.acknowledged


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en-US"])
async def test_the_question_is_asked_in_the_readers_language(tmp_path: Path, locale: str) -> None:
    title = {"zh-CN": "换作你会怎么写？", "zh-TW": "換作你會怎麼寫？", "en-US": "How would you write it?"}
    async with world(tmp_path) as w:
        answer = await answered(w)
        with w.interactions(locale=locale):
            down = await w.bob.click(answer, custom_id="moyou:down:fake-0001")
            shown = await w.bob.click(down.response, custom_id="moyou:reason:fake-0001")
        assert [component["label"] for component in shown.modal["components"]][1] == title[locale]


async def test_a_question_answered_after_a_change_of_mind_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        down = await w.bob.click(answer, custom_id="moyou:down:fake-0001")
        shown = await w.bob.click(down.response, custom_id="moyou:reason:fake-0001")
        await w.bob.click(answer, custom_id="moyou:up:fake-0001")
        await w.bob.submit_modal(shown, {"reasons": ["dull"]})
        assert await values(w) == [1.0]
        assert "changed your judgement" in down.response.content
        late = await w.bob.click(answer, custom_id="moyou:down:fake-0001")
        await w.bob.click(late.response, custom_id="moyou:undo:fake-0001")
        assert await values(w) == []


async def test_the_question_works_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await answered(w)
        down = await w.bob.click(answer, custom_id="moyou:down:fake-0001")
        bot = MoyouClient(w.engine, w.journal, Settings(), shard_count=1)
        await w.env.restart_bot(bot)
        shown = await w.bob.click(down.response, custom_id="moyou:reason:fake-0001")
        await w.bob.submit_modal(shown, {"reasons": ["copied"]})
        assert [signal.reason for signal in await w.journal(Journal.signals)] == ["copied"]
