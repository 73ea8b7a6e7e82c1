"""What every command has beside its own options: privacy, windows, files, completion, locales, places."""

from __future__ import annotations

import io
import logging
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from bot.wording import traditional
from engine import Journal, load_tasks
from tests.discord_world import World, world
from tests.fakes import FakeEngine

GIVEN: dict[str, dict[str, Any]] = {
    "ad": {"product": "茶"},
    "ask": {"question": "为什么天是蓝的？"},
    "blend": {"text": "从前有山", "second": "后来有海"},
    "chat": {"text": "你好"},
    "continue": {"text": "从前"},
    "poem": {"theme": "月", "form": "qijue"},
    "post": {"topic": "周末"},
    "story": {"hero": "小猫"},
    "translate": {"text": "你好", "to": "en"},
    "vary": {"text": "月亮真圆。"},
}
"""What is asked of each task that writes."""
WRITING = pytest.mark.parametrize("name", sorted(GIVEN))


async def asked(who: Any, channel: Any, name: str, **more: Any) -> Any:
    """A command, used in a channel, or in direct messages where there is none."""
    options = {**GIVEN[name], **more}
    return await (who.slash(name, **options) if channel is None else who.slash(channel, name, **options))


def test_every_task_that_writes_is_tried_here() -> None:
    assert sorted(GIVEN) == [name for name, task in load_tasks().items() if task.source == "text"]


@WRITING
@pytest.mark.parametrize("shards", [1, 2])
async def test_every_command_answers_in_a_server_a_thread_and_directly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, shards: int
) -> None:
    async with world(tmp_path, shard_count=shards) as w:
        dave = w.env.create_user("dave")
        await dave.send_dm("你好")
        for who, channel in ((w.alice, w.channel), (w.alice, w.thread_of(w.bob)), (dave, None)):
            result = await asked(who, channel, name)
            assert result.response.content
            assert result.response.components
            assert not result.ephemeral
        assert [request.task for request in w.engine.asked[1:]] == [name] * 3
        assert len(w.threads()) == 1 + (name == "chat")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@WRITING
async def test_every_command_may_be_private(tmp_path: Path, name: str) -> None:
    async with world(tmp_path) as w:
        result = await asked(w.alice, w.channel, name, private=True)
        assert result.ephemeral
        assert result.response.content
        again = await w.alice.click(result.response, custom_id="moyou:again:fake-0001")
        assert again.ephemeral


async def test_all_of_a_long_private_answer_is_private(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.engine.text = lambda request: "春天来了，花都开了。" * 300
        result = await w.alice.slash(w.channel, "continue", text="从前", private=True)
        assert [each.ephemeral for each in (result.response, *result.followups)] == [True, True]


@WRITING
@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en-US"])
async def test_every_command_fails_in_its_readers_language(tmp_path: Path, name: str, locale: str) -> None:
    said = {"zh-CN": "意外", "zh-TW": "意外", "en-US": "Something unexpected"}
    async with world(tmp_path) as w:
        w.engine.fail = RuntimeError()
        with w.interactions(locale=locale):
            result = await asked(w.alice, w.channel, name)
        assert said[locale] in result.response.content
        assert ("稍後" in result.response.content) == (locale == "zh-TW")


@pytest.mark.parametrize("name", ["ask", "chat", "continue", "translate", "vary"])
async def test_a_long_text_is_written_in_a_window(tmp_path: Path, name: str) -> None:
    async with world(tmp_path) as w:
        shown = await w.alice.slash(w.channel, name, private=True)
        assert shown.modal is not None
        result = await w.alice.submit_modal(shown, {"text": "第一段\n第二段"})
        assert result.ephemeral
        assert "第二段" in result.response.content
        assert w.engine.asked[-1].text == "第一段\n第二段"


async def test_a_window_has_its_readers_words_and_keeps_the_other_options(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with w.interactions(locale="zh-TW"):
            shown = await w.alice.slash(w.channel, "translate", to="en")
        assert shown.modal["title"] == "翻譯"
        assert shown.modal["components"][0]["label"] == "原文"
        await w.alice.submit_modal(shown, {"text": "你好"})
        assert w.engine.asked[-1].options == {"to": "en"}


async def test_a_continuation_reads_the_end_of_a_text_that_is_too_long_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        shown = await w.alice.slash(w.channel, "continue")
        await w.alice.submit_modal(shown, {"text": "头" + "尾" * 1600})
        assert w.engine.asked[-1].text == "尾" * 1500
        result = await w.alice.slash(w.channel, "continue", file=("a.txt", ("头" + "尾" * 1600).encode()))
        assert result.response.content.endswith("-# 文字太长，只读了最后 1500 个字符")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
async def test_a_text_file_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    text = "从前有一座山，山里有一座庙，庙里有一个老和尚。"
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "continue", file=("故事.txt", text.encode(encoding)))
        assert w.engine.asked[-1].text == text
        assert result.response.components
        await w.alice.slash(w.channel, "ask", question="谁在庙里？", file=("a.md", text.encode(encoding)))
        assert w.engine.asked[-1].text == f"谁在庙里？\n{text}"


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "0" * 50_000_000)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bomb.zip", zip_bomb(), "cannot be read as text"),
        ("bomb.txt", zip_bomb(), "cannot be read as text"),
        ("program.exe", b"MZ plain words", "cannot be read as text"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "cannot be read as text"),
        ("control.txt", b"\x01\x02\x03\x04" * 100, "cannot be read as text"),
        ("noise.txt", bytes(range(128, 256)) * 20, "cannot be read as text"),
        ("large.txt", b"a" * ((1 << 20) + 1), "1048577 bytes"),
        ("empty.txt", b"", "no text"),
    ],
)
async def test_what_is_no_text_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    async with world(tmp_path) as w:
        result = await w.alice.slash(w.channel, "continue", file=(name, content))
        assert said in result.response.content
        assert w.engine.asked == []


async def test_a_text_attached_to_a_message_belongs_to_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alice.send(w.channel, f"{w.me} 接一句", attachments=[("a.txt", "月亮真圆".encode())])
        assert w.engine.asked[-1].text == "接一句\n月亮真圆"
        await w.alice.send(w.channel, f"{w.me} 看看", attachments=[("a.png", b"\x89PNG")])
        assert w.engine.asked[-1].text == "看看"
        await w.alice.send(w.channel, f"{w.me} 看看", attachments=[("a.pdf", b"%PDF")])
        assert "读不成文字" in w.sent()[-1].content
        assert len(w.engine.asked) == 2


@pytest.mark.parametrize(
    ("locale", "typed", "first"),
    [
        ("zh-CN", "浣", "浣溪沙"),
        ("zh-TW", "絕", "五絕"),
        ("en-US", "huan xi", "Ci: Huan xi sha 浣溪沙"),
        ("en-US", "huanxisha", "Ci: Huan xi sha 浣溪沙"),
        ("en-US", "QIJUE", "Quatrain of seven (qijue)"),
        ("zh-CN", "", "五绝"),
    ],
)
async def test_forms_are_completed_in_the_readers_words(
    tmp_path: Path, locale: str, typed: str, first: str
) -> None:
    async with world(tmp_path) as w:
        with w.interactions(locale=locale):
            offered = await w.alice.autocomplete(w.channel, "poem", "form", typed)
        assert offered[0]["name"] == first
        await w.alice.slash(w.channel, "poem", form=offered[0]["value"])
        assert w.engine.asked[-1].options["form"] == offered[0]["value"]


async def test_languages_are_completed_and_what_is_unknown_offers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert [c["value"] for c in await w.alice.autocomplete(w.channel, "translate", "to", "中")] == ["zh"]
        assert await w.alice.autocomplete(w.channel, "translate", "to", "xyz") == []


async def test_what_was_typed_without_choosing_is_understood_or_answered_with_what_there_is(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        for typed, meant in (("浣溪沙", "浣溪沙"), ("七絕", "qijue"), ("huan xi sha", "浣溪沙")):
            await w.alice.slash(w.channel, "poem", form=typed)
            assert w.engine.asked[-1].options["form"] == meant
        result = await w.alice.slash(w.channel, "poem", form="沙拉")
        assert "form has no such value; choose one of: Quatrain of five" in result.response.content


def synced(w: World) -> dict[str, dict[str, Any]]:
    """The commands as Discord holds them, by name."""
    [put] = w.calls("PUT", "/commands")
    return {command["name"]: command for command in put.json}


async def test_commands_go_along_with_people_but_those_that_read_or_run_a_server(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        home = {"summary", "从这里开始总结", "举报给管理者", "settings", "feedback", "model", "moyou-status"}
        for name, command in synced(w).items():
            if name in home:
                assert (command["integration_types"], command["contexts"]) == ([0], [0])
            else:
                assert name in {*GIVEN, "help", "privacy", "style", "接着写", "翻译这条", "为什么这么回？"}
                assert (command["integration_types"], command["contexts"]) == ([0, 1], [0, 1, 2])


async def test_menus_and_extra_options_are_localised(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        commands = synced(w)
        assert commands["翻译这条"]["name_localizations"]["en-US"] == "Translate this"
        assert commands["举报给管理者"]["name_localizations"]["zh-TW"] == traditional("举报给管理者")
        private = next(option for option in commands["poem"]["options"] if option["name"] == "private")
        assert private["name_localizations"]["zh-CN"] == "仅自己可见"
        assert private["type"] == 5


def elsewhere(w: World, person: Any) -> dict[str, Any]:
    """An interaction's fields in a server that Moyou is not in, as Discord sends them."""
    from simcord.backend import serializers

    member = {
        "user": dict(serializers.user_payload(w.env.backend.get_user(person.id))),
        "permissions": str(1 << 11),
        "roles": [],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }
    return {
        "guild_id": "77",
        "guild": {"id": "77", "locale": "en-US", "features": []},
        "guild_locale": "en-US",
        "member": member,
        "app_permissions": str(1 << 35),
    }


@pytest.mark.parametrize("place", ["another server", "a group of friends"])
async def test_a_person_may_take_it_to_places_it_is_not_in(tmp_path: Path, place: str) -> None:
    async with world(tmp_path) as w:
        dave = w.env.create_user("dave")
        await dave.send_dm("你好")
        fields: dict[str, Any] = {"authorizing_integration_owners": {"1": str(dave.id)}, "context": 2}
        if place == "another server":
            fields |= {**elsewhere(w, dave), "context": 0}
        with w.interactions(**fields):
            result = await dave.slash("chat", text="在吗")
            assert result.response.content == "> 在吗\n在吗!"
            why = await dave.click(result.response, custom_id="moyou:why:fake-0002")
            assert why.ephemeral
            assert (await dave.slash("help")).ephemeral
        assert not w.calls("POST", "/threads")
        assert (await w.journal(Journal.counts)).generations == 2


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("zh-CN", "`/作诗`：写绝句"),
        ("zh-TW", "`/作詩`：寫絕句"),
        ("en-US", "`/poem`: Classical Chinese verse"),
    ],
)
async def test_help_names_every_command_and_menu_in_the_readers_language(
    tmp_path: Path, locale: str, said: str
) -> None:
    async with world(tmp_path) as w:
        with w.interactions(locale=locale):
            result = await w.alice.slash(w.channel, "help")
        assert result.ephemeral
        text = result.response.content
        assert said in text
        for task in w.engine.tasks.values():
            name = task.names["en"] if locale == "en-US" else task.names["zh-CN"]
            assert f"`/{traditional(name) if locale == 'zh-TW' else name}`" in text
        assert {"zh-CN": "`/隐私`", "zh-TW": "`/隱私`", "en-US": "`/privacy`"}[locale] in text


async def test_a_task_with_an_option_named_private_keeps_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    shipped = resources.files("prompts")
    for file in shipped.iterdir():
        if file.name.endswith(".toml"):
            (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    post = shipped.joinpath("post.toml").read_text(encoding="utf-8")
    own = '[options.private]\ndescription.en = "a"\ndescription.zh-CN = "甲"\n\n[decoding]'
    (folder / "post.toml").write_text(post.replace("[decoding]", own), encoding="utf-8")
    engine = FakeEngine()
    engine.tasks = load_tasks(folder)
    async with world(tmp_path, engine) as w:
        [option] = [each for each in synced(w)["post"]["options"] if each["name"] == "private"]
        assert option["type"] == 3
