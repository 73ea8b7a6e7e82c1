"""Every command, menu, button, window and completion: in a server, a thread and directly, sharded and not, in
each language, with a model that takes ten seconds (by the world's clock: nobody sleeps here).

What there is comes from the command tree itself, so nothing that is added later is left out.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from simcord import results
from simcord.actors import _dispatch_actor_interaction
from simcord.backend import serializers

from bot.choosing import suggestions
from bot.settings import Settings
from bot.task_command import takes_long
from bot.wording import language, traditional
from engine import GuildSettings, Journal, QueueFull, Task, simplify
from tests.discord_world import World, world
from tests.test_task_command import GIVEN

PLACES = ("server", "thread", "direct")
LOCALES = ("zh-CN", "zh-TW", "en-US")
EVERYWHERE = [
    pytest.param(place, shards, locale, id=f"{place}-{shards}-{locale}")
    for place, shards, locale in itertools.product(PLACES, (1, 4), LOCALES)
]
SLOW = 10.0
PATIENCE = 4.9
"""Seconds of the machine's clock that a world settles in; less than a typing sign lasts (5)."""
SETTINGS = Settings(member_pace=0, guild_pace=0, message_content=True)
BUTTONS = ("up", "down", "again", "vary", "why")
AT_ONCE = {"help", "privacy", "style", "settings", "moyou-status", "summary"}
"""Commands that do not wait for the writer."""
PARTS: dict[str, dict[str, Any]] = {
    "feedback report": {},
    "feedback review": {},
    "feedback export": {"format": "csv"},
    "model list": {},
    "model compare": {"first": "reward/a", "second": "reward/b"},
    "model promote": {"version": "reward/a"},
    "model rollback": {"model": "reward"},
    "model trial": {"version": "reward/a"},
}
"""Parts of commands, all for those who manage the server, with what is asked of them."""


@dataclass
class Here:
    """One place, and who writes there: somebody, and somebody who manages the server."""

    w: World
    place: str
    locale: str
    who: Any
    moderator: Any
    channel: Any

    def commands(self, kind: type) -> Iterator[Any]:
        """The commands of one kind that are offered here, to those who manage the server if there is one."""
        for command in self.w.bot.tree.walk_commands(type=kind_of(kind)):
            whole = getattr(command, "root_parent", None) or command
            in_direct = not whole.guild_only
            if isinstance(command, kind) and (in_direct or self.place != "direct"):
                yield command

    async def slash(self, name: str, who: Any = None, **options: Any) -> Any:
        with self.w.interactions(locale=self.locale):
            who = who or self.who
            if self.place == "direct":
                return await who.slash(name, **options)
            return await who.slash(self.channel, name, **options)

    async def menu(self, name: str, message: Any) -> Any:
        """A menu on a message. SimCord's users have none in their direct messages; Discord's do."""
        with self.w.interactions(locale=self.locale):
            if self.place != "direct":
                return await self.who.context_menu(self.channel, name, message)
            backend = self.w.env.backend
            root = backend.find_command(name, None, type=3)
            stored = backend.get_message(self.channel.id, message.id)
            resolved = {"messages": {str(message.id): dict(serializers.message_payload(backend, stored))}}
            data = {
                "id": root["id"],
                "name": name,
                "type": 3,
                "target_id": str(message.id),
                "resolved": resolved,
            }
            return await _dispatch_actor_interaction(self.who, 2, self.channel, data)

    async def complete(self, name: str, option: str, typed: str) -> list[dict[str, Any]]:
        with self.w.interactions(locale=self.locale):
            where = () if self.place == "direct" else (self.channel,)
            found: list[dict[str, Any]] = await self.who.autocomplete(*where, name, option, typed)
            return found

    async def click(self, message: Any, custom_id: str, who: Any = None) -> Any:
        with self.w.interactions(locale=self.locale):
            return await (who or self.who).click(message, custom_id=custom_id)

    async def select(self, message: Any, values: Any, custom_id: str) -> Any:
        with self.w.interactions(locale=self.locale):
            return await self.moderator.select(message, values, custom_id=custom_id)

    async def submit(self, shown: Any, values: dict[str, Any], who: Any = None) -> Any:
        with self.w.interactions(locale=self.locale):
            return await (who or self.who).submit_modal(shown, values)

    async def say(self, text: str) -> Any:
        """A message that speaks to Moyou."""
        if self.place == "direct":
            return await self.who.send_dm(text)
        return await self.who.send(self.channel, f"{self.w.me} {text}")

    async def edit(self, message: Any, text: str) -> None:
        if self.place == "direct":
            await self.who.edit(message, text)
        else:
            await self.who.edit(message, f"{self.w.me} {text}")

    async def react(self, message: Any, emoji: str, reacted: bool) -> None:
        await self.who.set_reaction(message, emoji, reacted=reacted)

    def answers(self) -> list[discord.Message]:
        stored = self.w.env.backend.messages[self.channel.id].values()
        me = self.w.bot.user
        return [results.to_discord_message(self.w.env, m) for m in stored if me and m.author_id == me.id]

    def is_ours(self, text: str) -> bool:
        """Whether a sentence of ours is in its reader's language."""
        text = re.sub(r"`[^`]*`|<[^>]*>|https?://\S+", "", text)
        han = re.search("[\u4e00-\u9fff]", text) is not None
        if language(self.locale) == "en":
            return not han
        return han and text == (traditional(text) if self.locale == "zh-TW" else simplify(text))

    async def in_time(self, *shown: Any) -> None:
        """Everything was acknowledged within three seconds and is answered once the model is done."""
        for each in shown:
            assert each.acknowledged, each
            assert each.deferred, each
            assert not each.response or not each.response.content
        await self.w.env.advance_time(3)
        assert not any(each.response and each.response.content for each in shown)
        await self.w.env.advance_time(SLOW - 2)
        for each in shown:
            assert each.response.content, each


def kind_of(kind: type) -> discord.AppCommandType:
    return (
        discord.AppCommandType.chat_input if kind is app_commands.Command else discord.AppCommandType.message
    )


@asynccontextmanager
async def here(path: Path, place: str, shards: int, locale: str) -> AsyncIterator[Here]:
    async with world(path, settings=SETTINGS, shard_count=shards, settle_timeout=PATIENCE) as w:
        role = w.guild.create_role("moderators", permissions=discord.Permissions(manage_guild=True))
        moderator = w.guild.add_member(w.env.create_user("mo"), roles=[role])
        if place == "direct":
            dave = w.env.create_user("dave")
            yield Here(w, place, locale, dave, dave, dave.dm_channel)
        else:
            channel = w.channel if place == "server" else w.thread_of(w.bob)
            yield Here(w, place, locale, w.alice, moderator, channel)


def title_of(task: Task, locale: str) -> str:
    name = task.names["en"] if language(locale) == "en" else task.names["zh-CN"]
    return traditional(name) if locale == "zh-TW" else name


@pytest.mark.parametrize(("place", "shards", "locale"), EVERYWHERE)
async def test_every_command_is_in_time_and_fails_in_its_readers_language(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, shards: int, locale: str
) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        offered = {command.qualified_name for command in h.commands(app_commands.Command)}
        assert offered == (GIVEN.keys() | AT_ONCE | PARTS.keys()) - (
            {"summary", "settings", "moyou-status", *PARTS} if place == "direct" else set()
        )
        caplog.set_level(logging.INFO)
        h.w.engine.seconds = SLOW
        shown = [await h.slash(name, **GIVEN[name]) for name in sorted(GIVEN)]
        await h.in_time(*shown)
        assert all(each.response.components for each in shown)
        assert sorted(request.task for request in h.w.engine.asked) == sorted(GIVEN)
        h.w.engine.seconds = 0
        h.w.engine.fail = QueueFull(waiting=7)
        for name in sorted(GIVEN):
            refused = await h.slash(name, **GIVEN[name])
            assert h.is_ours(refused.response.content), refused.response.content
            reference = re.findall(r"\b[0-9A-F]{6}\b", refused.response.content)
            assert reference
            assert reference[-1] in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    for words in ("你好", "为什么天是蓝的", "从前有山", "周末", "小猫", "月亮真圆"):
        assert words not in caplog.text


@pytest.mark.parametrize(("place", "shards", "locale"), EVERYWHERE)
async def test_every_private_page_is_in_its_readers_language(
    tmp_path: Path, place: str, shards: int, locale: str
) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        for command in h.commands(app_commands.Command):
            name = command.qualified_name
            if name not in (AT_ONCE | PARTS.keys()) - {"summary"}:
                continue
            moderators = (command.root_parent or command).default_permissions is not None
            page = await h.slash(name, h.moderator if moderators else h.who, **PARTS.get(name, {}))
            assert page.ephemeral
            assert h.is_ours(page.response.content), page.response.content
        # what is kept of a person
        page = (await h.slash("privacy")).response
        for action in ("stop", "keep", "forget", "confirm"):
            await h.click(page, f"moyou-privacy:{action}")
            assert h.is_ours(page.content), page.content
            labels = [each["label"] for row in page.components for each in row["components"]]
            assert all(map(h.is_ours, labels)), labels
        assert page.components == []


@pytest.mark.parametrize(("place", "shards", "locale"), EVERYWHERE)
async def test_every_button_under_a_reply_is_in_time(
    tmp_path: Path, place: str, shards: int, locale: str
) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        h.w.engine.seconds = SLOW
        prompt = await h.say("你好")
        assert h.answers() == []
        assert h.w.calls("POST", f"/channels/{h.channel.id}/typing")
        await h.w.env.advance_time(SLOW + 1)
        [answer] = h.answers()
        generation = await h.w.journal(Journal.generation_of, answer.id)
        buttons = [item.custom_id for row in answer.components for item in row.children]
        assert buttons == [f"moyou:{action}:{generation}" for action in BUTTONS]
        await h.edit(prompt, "再见")
        written = [await h.click(h.answers()[0], f"moyou:{name}:{generation}") for name in ("again", "vary")]
        written.append(await h.click(h.answers()[0], f"moyou-edited:{prompt.id}"))
        await h.in_time(*written)
        assert [request.text for request in h.w.engine.asked] == ["你好", "你好", "你好", "再见"]
        for name in ("up", "down", "why"):
            told = await h.click(answer, f"moyou:{name}:{generation}")
            assert told.ephemeral
            assert h.is_ours(told.response.content.split("\n")[0]), told.response.content
            if name == "down":
                question = await h.click(told.response, f"moyou:reason:{generation}")
                assert all(map(h.is_ours, words_of(question.modal))), question.modal
                await h.submit(question, {"reasons": ["dull"], "words": "短些"})
                assert h.is_ours(told.response.content)
                [signal] = await h.w.journal(Journal.signals)
                assert (signal.value, signal.reason) == (-1.0, "dull\n短些")
                await h.click(told.response, f"moyou:undo:{generation}")
                assert h.is_ours(told.response.content)
                assert list(await h.w.journal(Journal.signals)) == []


@pytest.mark.parametrize(("place", "shards", "locale"), [e for e in EVERYWHERE if e.values[2] == "zh-CN"])
async def test_reactions_judge_everywhere(tmp_path: Path, place: str, shards: int, locale: str) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        await h.say("你好")
        [answer] = h.answers()
        for emoji, stand in (("👍", [1.0]), ("👎", [-1.0])):
            await h.react(answer, emoji, True)
            assert [each.value for each in await h.w.journal(Journal.signals)] == stand
        await h.react(answer, "👎", False)
        assert [each.value for each in await h.w.journal(Journal.signals)] == [1.0]
        await h.react(answer, "👍", False)
        assert list(await h.w.journal(Journal.signals)) == []


@pytest.mark.parametrize(("place", "shards", "locale"), [e for e in EVERYWHERE if e.values[2] == "zh-CN"])
async def test_deleting_a_prompt_cancels_and_deleting_a_reply_withdraws_everywhere(
    tmp_path: Path, place: str, shards: int, locale: str
) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        await h.say("你好")
        [answer] = h.answers()
        await h.react(answer, "👍", True)
        await h.w.bot.get_partial_messageable(h.channel.id).get_partial_message(answer.id).delete()
        await h.w.env.settle()
        assert list(await h.w.journal(Journal.signals)) == []
        h.w.engine.seconds = SLOW
        prompt = await h.say("再见")
        await h.who.delete(prompt)
        await h.w.env.advance_time(SLOW + 1)
        assert h.answers() == []


def words_of(modal: dict[str, Any]) -> list[str]:
    """Everything that a window says."""
    said = [modal["title"]]
    for label in modal["components"]:
        said += [label["label"], label.get("description") or label["label"]]
        said += [
            option["label"]
            for option in label["component"].get("options", ())
            if not re.match(r"UTC|\d\d:", option["label"])
        ]
    return said


@pytest.mark.parametrize(("place", "shards", "locale"), EVERYWHERE)
async def test_every_window_and_menu_is_in_time(tmp_path: Path, place: str, shards: int, locale: str) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        await h.say("你好")
        [answer] = h.answers()
        h.w.engine.seconds = SLOW
        long = [task for task in h.w.engine.tasks.values() if task.main and takes_long(task.main)]
        written = []
        for task in long:
            window = await h.slash(task.name, **{"second": "后来"} if task.name == "blend" else {})
            assert window.modal["title"] == title_of(task, locale)
            assert all(map(h.is_ours, words_of(window.modal))), window.modal
            written.append(await h.submit(window, {"text": "第一段\n第二段"}))
        menus = {task.menu["zh-CN"]: task for task in h.w.engine.tasks.values() if task.menu}
        others = {"为什么这么回？", *(() if place == "direct" else ("从这里开始总结", "举报给管理者"))}
        assert {command.name for command in h.commands(app_commands.ContextMenu)} == {*menus, *others}
        written += [await h.menu(name, answer) for name in menus]
        await h.in_time(*written)
        assert len(h.w.engine.asked) == 1 + len(long) + len(menus)
        assert all(each.ephemeral for each in written[len(long) :])
        h.w.engine.seconds = 0
        why = await h.menu("为什么这么回？", answer)
        assert h.is_ours(why.response.content.split("\n")[0])
        if place == "direct":
            return
        question = await h.menu("举报给管理者", answer)
        assert all(map(h.is_ours, words_of(question.modal))), question.modal
        told = await h.submit(question, {"reasons": ["spam"]})
        assert h.is_ours(told.response.content)
        await h.w.bob.send(h.channel, "明天八点在湖边开会")
        h.w.engine.seconds = SLOW
        points = [await h.menu("从这里开始总结", answer), await h.slash("summary")]
        await h.in_time(*points)
        for each in points:
            assert each.ephemeral
            assert "明天八点在湖边开会" in each.response.content


@pytest.mark.parametrize(("place", "shards", "locale"), EVERYWHERE)
async def test_every_completion_offers_its_choices_in_the_readers_words(
    tmp_path: Path, place: str, shards: int, locale: str
) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        options = [(t, o) for t in h.w.engine.tasks.values() for o in t.options if o.complete]
        assert {(task.name, option.name) for task, option in options} >= {
            ("poem", "form"),
            ("translate", "to"),
        }
        for task, option in options:
            for typed in ("", "en", "七"):
                offered = await h.complete(task.name, option.name, typed)
                assert [(each["name"], each["value"]) for each in offered] == [
                    (choice.name, choice.value) for choice in suggestions(option, typed, locale)
                ]
            assert await h.complete(task.name, option.name, "")


@pytest.mark.parametrize(
    ("place", "shards", "locale"), [each for each in EVERYWHERE if each.values[0] != "direct"]
)
async def test_every_setting_is_decided_in_the_readers_language(
    tmp_path: Path, place: str, shards: int, locale: str
) -> None:
    filled: dict[str, dict[str, Any]] = {
        "voice": {"language": ["zh-TW"], "tone": ["lively"]},
        "limit": {"limit": "7"},
        "words": {"words": "脏话"},
        "quiet": {"since": ["1380"], "until": ["420"], "zone": ["480"]},
        "emoji": {"emoji": "❤️ 1"},
    }
    async with here(tmp_path, place, shards, locale) as h:
        page = (await h.slash("settings", h.moderator)).response
        items = [item for row in page.components for item in row["components"]]
        said = [item.get("label") or item["placeholder"] for item in items]
        assert all(map(h.is_ours, said)), said
        for what in ("channels", "home", "report"):
            await h.select(page, [h.w.channel], f"moyou-settings:{what}")
        for button, values in filled.items():
            form = await h.click(page, f"moyou-settings:{button}", h.moderator)
            assert all(map(h.is_ours, words_of(form.modal))), form.modal
            await h.submit(form, values, h.moderator)
        await h.click(page, "moyou-settings:summaries_off", h.moderator)
        assert h.is_ours(page.content)
        home = str(h.w.channel.id)
        assert await h.w.bot.guild_settings.of(h.w.guild.id) == GuildSettings(
            channels=(home,),
            home_channels=(home,),
            report_channel=home,
            language="zh-TW",
            tone="lively",
            daily_limit=7,
            blocked_words=("脏话",),
            quiet_from=1380,
            quiet_until=420,
            utc_offset=480,
            emoji=(("❤️", 1.0),),
            summaries=False,
        )
        await h.click(page, "moyou-settings:summaries_on", h.moderator)
        assert (await h.w.bot.guild_settings.of(h.w.guild.id)).summaries
        # nobody else decides, not even by a page that is still open
        h.w.env.backend.edit_role(h.w.guild.id, h.w.guild.roles["moderators"].id, {"permissions": 0})
        refused = await h.click(page, "moyou-settings:summaries_off", h.moderator)
        assert refused.ephemeral
        assert h.is_ours([*refused.followups, refused.response][0].content)
        assert (await h.w.bot.guild_settings.of(h.w.guild.id)).summaries


@pytest.mark.parametrize(("place", "shards", "locale"), EVERYWHERE)
async def test_commands_are_offered_to_whom_and_where_they_belong(
    tmp_path: Path, place: str, shards: int, locale: str
) -> None:
    async with here(tmp_path, place, shards, locale) as h:
        everybodys = {*GIVEN, "help", "privacy", "style"}
        if place == "direct":
            assert set(h.who.available_commands()) == everybodys
            return
        assert set(h.who.available_commands(h.channel)) == {*everybodys, "summary"}
        assert set(h.moderator.available_commands(h.channel)) == {*GIVEN, *AT_ONCE, *PARTS}


async def test_every_name_and_description_is_in_every_language(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        [put] = w.calls("PUT", "/commands")
    described = 0
    for command in put.json:
        options = command.get("options", [])
        choices = [choice for option in options for choice in option.get("choices", [])]
        for item in (command, *options, *choices):
            for key in ("name", "description"):
                said = item.get(f"{key}_localizations") or {}
                if item.get(key) and said:
                    described += 1
                    assert said.keys() == {"zh-CN", "zh-TW", "en-US", "en-GB"}, item[key]
                    assert said["zh-TW"] == traditional(said["zh-CN"])
                    assert said["en-US"] == said["en-GB"]
                    assert re.search("[\u4e00-\u9fff]", said["zh-CN"]) or said["zh-CN"] == said["en-US"]
            # /settings and /moyou-status are called so everywhere, as our sentences call them
            if item.get("description"):
                assert item.get("description_localizations"), item["name"]
    assert described > 100


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("shards", [1, 4])
async def test_what_takes_longer_than_fifteen_minutes_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, shards: int
) -> None:
    async with here(tmp_path, place, shards, "zh-CN") as h:
        h.w.engine.seconds = 16 * 60
        late = await h.slash("poem", **GIVEN["poem"])
        await h.w.env.advance_time(17 * 60)
        assert late.response is None or not late.response.content
        h.w.engine.seconds = 0
        await h.say("还在吗")
        assert h.answers()[-1].content == "还在吗!"
    assert "Traceback" not in caplog.text
