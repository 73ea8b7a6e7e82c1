"""Slash commands made from prompts/, their words in every locale, and the menus, against SimCord."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
import time
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.moderation import status_text
from bot.settings import Settings, Shards
from bot.shards import FRESH, note_shards
from bot.wording import traditional
from engine import Counts, EmptyText, Journal, ModelMissing, PromptBroken, load_tasks, set_told
from engine.journal import TaskCounts
from tests.discord_world import world
from tests.fakes import POEM, FakeEngine


def synced(w: Any, name: str) -> dict[str, Any]:
    """A command as Discord holds it after the sync."""
    [put] = [call for call in w.env.http_requests if call.method == "PUT" and call.path.endswith("/commands")]
    [found] = [command for command in put.json if command["name"] == name]
    return dict(found)


async def test_every_task_is_a_command_in_three_languages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for name, task in w.engine.tasks.items():
            command = synced(w, name)
            assert command["description"] == task.description["zh-CN"]
            assert command["name_localizations"]["zh-CN"] == task.names["zh-CN"]
            assert command["name_localizations"]["zh-TW"] == traditional(task.names["zh-CN"])
            assert command["description_localizations"]["en-US"] == task.description["en"]
            assert command["description_localizations"]["en-GB"] == task.description["en"]
            options = [each for each in command.get("options", []) if each["name"] not in ("private", "file")]
            assert [option["name"] for option in options] == [o.name for o in task.options]
            for option, mine in zip(options, task.options, strict=True):
                # a long text may also come through a window or as a file
                assert option["required"] == (mine.required and mine.max_length < 300)
                assert option["name_localizations"]["zh-CN"] == mine.names["zh-CN"]
                assert option["description_localizations"]["en-US"] == mine.description["en"]
                assert bool(option.get("autocomplete")) == mine.complete
                assert [choice["value"] for choice in option.get("choices", [])] == [
                    choice.value for choice in mine.choices if not mine.complete
                ]


async def test_limits_of_options_are_discords(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        options = {option["name"]: option for option in synced(w, "summary")["options"]}
        count, points = options["count"], options["points"]
        assert (count["min_value"], count["max_value"]) == (2, 10_000)
        assert (points["min_value"], points["max_value"]) == (1, 12)
        theme = synced(w, "poem")["options"][0]
        assert (theme["min_length"], theme["max_length"]) == (1, 200)


async def test_a_new_file_is_a_new_command(tmp_path: Path) -> None:
    text = resources.files("prompts").joinpath("ask.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    assert content["name"]["en"] == "ask"
    folder = tmp_path / "prompts"
    folder.mkdir()
    for file in resources.files("prompts").iterdir():
        if file.name.endswith(".toml"):
            (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    letter = text.replace('en = "ask"', 'en = "letter"').replace('zh-CN = "提问"', 'zh-CN = "写信"')
    (folder / "letter.toml").write_text(letter, encoding="utf-8")
    engine = FakeEngine()
    engine.tasks = load_tasks(folder)
    async with world(tmp_path, engine) as w:
        result = await w.alice.slash(w.channel, "letter", question="从前")
        assert result.response is not None
        assert result.response.content == "> 从前\n从前!"


async def test_a_blend_repeats_both_texts_it_lies_between(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "blend", text="从前有山", second="后来有海")
        assert result.response is not None
        assert result.response.content == "> 从前有山\n> 后来有海\n从前有山!"
        [asked] = w.engine.asked
        assert asked.options == {"second": "后来有海", "steps": "3", "model": ""}


async def test_a_file_named_like_a_command_of_ours_is_refused(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.tasks = {"privacy": dataclasses.replace(engine.tasks["chat"], name="privacy")}
    with pytest.raises(PromptBroken, match="privacy"):
        async with world(tmp_path, engine):
            pass


async def test_a_poem_is_deferred_and_comes_in_one_edit_with_its_form_marked(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "poem", theme="登高", form="wujue")
        callbacks = [call.json for call in w.env.http_requests if call.path.endswith("/callback")]
        assert [callback["type"] for callback in callbacks] == [5]  # deferred, "thinking"
        assert not result.ephemeral
        assert result.response is not None
        content = result.response.content
        assert content.startswith("**登高**\n" + "\n".join(POEM))
        assert "白日依山尽\n●●○○●\n" in content
        assert "十一尤" in content
        edits = [call for call in w.env.http_requests if call.method == "PATCH"]
        assert len(edits) == 1
        assert edits[0].json["allowed_mentions"] == {"parse": []}
        assert w.engine.asked[0].options == {"form": "wujue", "head": ""}
        assert w.engine.asked[0].text == "登高"


async def test_the_interactions_locale_is_the_language(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.slash(w.channel, "poem")
        assert [request.locale for request in w.engine.asked] == ["en"]  # SimCord's people read en-US


async def test_direct_messages_have_the_commands_that_work_there(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alice = w.env.create_user("dave")
        await alice.send_dm("你好")
        assert {"poem", "chat", "continue", "privacy"} <= set(alice.available_commands())
        assert not {"summary", "moyou-status"} & set(alice.available_commands())
        result = await alice.slash("poem")
        assert "白日依山尽" in result.response.content


async def test_a_slow_engine_is_deferred_within_discords_three_seconds(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.gate = asyncio.Event()
    async with world(tmp_path, engine) as w:
        order: list[str] = []
        writing = engine.write

        async def noted(request: Any) -> Any:
            order.extend(call.path.rsplit("/", 1)[-1] for call in w.env.http_requests)
            return await writing(request)

        engine.write = noted  # type: ignore[method-assign]
        engine.gate.set()
        await w.alice.slash(w.channel, "chat", text="hello")
        assert order[-1] == "callback"


async def test_failures_of_a_command_are_said_with_a_reference(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with world(tmp_path) as w:
        w.engine.fail = EmptyText()
        told = (await w.alice.slash(w.channel, "chat", text="hello")).response
        assert "write a few words" in told.content
        reference = told.content.split("reference ")[1].rstrip(")")
        assert reference in caplog.text
        w.engine.fail = ModelMissing(model="talk", folder="secret-folder")
        told = (await w.alice.slash(w.channel, "chat", text="hello")).response
        assert "owner" in told.content
        assert "secret-folder" not in told.content
        assert "secret-folder" in caplog.text
        w.engine.fail = RuntimeError("words of a member")
        told = (await w.alice.slash(w.channel, "chat", text="hello")).response
        assert "words of a member" not in told.content + caplog.text


async def test_danger_in_a_command_is_not_quoted_and_not_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "chat", text="我想死")
        assert result.response is not None
        assert result.response.content == "我很担心你。请拨打求助热线。"
        assert not result.response.components
        assert (await w.journal(Journal.counts)).generations == 0


async def test_a_long_answer_to_a_command_follows_in_further_messages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.engine.text = lambda request: "一二三四五六七八九十。" * 300
        result = await w.alice.slash(w.channel, "continue", text="从前")
        assert result.response is not None
        assert len(result.followups) == 1
        assert not result.response.components
        assert result.followups[0].components
        for message in (result.response, result.followups[0]):
            assert await w.journal(Journal.generation_of, message.id) is not None


async def test_status_is_for_those_who_manage_the_server(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert "moyou-status" not in w.alice.available_commands(w.channel)
        role = w.guild.create_role("管理", permissions=discord.Permissions(manage_guild=True))
        carol = w.guild.add_member(w.env.create_user("carol"), roles=[role])
        await w.alice.slash(w.channel, "chat", text="hello")
        result = await carol.slash(w.channel, "moyou-status")
        assert result.ephemeral
        assert result.response.content.splitlines() == [
            "replies 1 · judgements 0 (👍 0 👎 0) · people 0",
            "- chat: 1, 👍 0 👎 0",
            "-# model talk fa4efa4efa4e: loaded",
            "-# model verse: loaded when needed",
            "-# not ranked by people's judgements yet",
            "-# waiting: 2 of at most 64",
        ]


def test_the_state_is_said_in_chinese_too() -> None:
    state = {**FakeEngine().status(), "reward_model": "abcdef" * 5}
    said = status_text(Counts(1, 0, 0, 0, 0, {"chat": TaskCounts(1, 0, 0)}), state, "zh-CN")
    assert "模型 verse：用到时载入" in said
    assert "模型 abcdefabcdef" in said
    assert not {"{", "'", "True", "hash"} & set(re.findall(r"[{']|\w+", said))


async def test_a_command_is_answered_in_the_language_it_is_written_in(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        # SimCord's clients are English
        for name, options in (
            ("chat", {"text": "我想死"}),
            ("chat", {"text": "hello"}),
            ("poem", {"theme": "月", "form": "qijue"}),
            ("poem", {"form": "qijue"}),
            ("chat", {"text": "會怎麼樣？"}),
        ):
            await w.alice.slash(w.channel, name, **options)
        assert [request.locale for request in w.engine.asked] == ["zh-CN", "en", "zh-CN", "en", "zh-TW"]


async def test_privacy_explains_keeps_nothing_and_forgets(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.slash(w.channel, "chat", text="hello")
        shown = await w.alice.slash(w.channel, "privacy")
        assert shown.ephemeral
        assert "24 hours" in shown.response.content
        await w.alice.click(shown.response, label="Keep nothing")
        assert not await w.journal(Journal.may_keep, str(w.alice.id))
        await w.alice.click(shown.response, label="You may keep it")
        assert await w.journal(Journal.may_keep, str(w.alice.id))
        await w.alice.click(shown.response, label="Forget me")
        assert (await w.journal(Journal.counts)).generations == 1
        await w.alice.click(shown.response, label="Yes, erase everything")
        assert (await w.journal(Journal.counts)).generations == 0
        assert "1 replies" in shown.response.content


async def test_where_other_machines_keep_journals_of_their_own_privacy_says_so(tmp_path: Path) -> None:
    settings = Settings(member_pace=0, guild_pace=0, shards=Shards((0,), 2))
    async with world(tmp_path, settings=settings, shard_count=2) as w:
        dave = w.env.create_user("dave")  # direct messages are the first shard's
        shown = await dave.slash("privacy")
        assert "looked after on other machines" in shown.response.content
        await dave.click(shown.response, label="Forget me")
        await dave.click(shown.response, label="Yes, erase everything")
        assert "use /privacy in a server there as well" in shown.response.content
        # another process of this machine, with the same journal: everything is here
        await note_shards(w.journal, Settings(shards=Shards((1,), 2)))
        assert "other machines" not in (await dave.slash("privacy")).response.content
        await w.journal(set_told, "shard 1/2", str(time.time() - FRESH - 1))
        assert "other machines" in (await dave.slash("privacy")).response.content


async def test_a_failing_sync_does_not_stop_the_bot(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from bot.client import MoyouClient
    from bot.settings import Settings
    from engine import JournalThread

    async with JournalThread(tmp_path / "journal.db") as journal:
        bot = MoyouClient(FakeEngine(), journal, Settings(), shard_count=1)

        async def refuse(**_: Any) -> None:
            response = type("Response", (), {"status": 500, "reason": "x"})()
            raise discord.DiscordServerError(response, {"code": 0, "message": "x"})

        bot.tree.sync = refuse  # type: ignore[assignment]
        import simcord

        async with simcord.run(bot) as env:
            channel = env.create_guild().create_text_channel("闲聊")
            alice = env.guild.add_member(env.create_user("alice"))
            await alice.send(channel, f"{bot.user.mention} 你好")
            assert channel.last_message.content == "你好!"
        assert "commands could not be synced" in caplog.text


async def test_privacy_says_how_much_is_kept_and_gives_all_of_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.slash(w.channel, "chat", text="hello")
        await w.bob.slash(w.channel, "chat", text="world")
        shown = await w.alice.slash(w.channel, "privacy")
        assert "Kept of you now: 1 replies (2 drafts in all), 1 of your requests" in shown.response.content
        assert "kept for 730 days" in shown.response.content
        mine = await w.alice.click(shown.response, label="Export mine")
        assert mine.ephemeral
        [file] = mine.response.attachments
        assert file.filename == "moyou-mine.json"
        await w.alice.click(shown.response, label="Forget me")
        await w.alice.click(shown.response, label="Yes, erase everything")
        assert "Nothing of you is kept now." in (await w.alice.slash(w.channel, "privacy")).response.content
        assert (await w.journal(Journal.counts)).generations == 1
