"""bot/invite.py: the rights that Moyou asks for are those that its requests need, all and no others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest

from bot.invite import RIGHTS, application_of, invite_link
from bot.settings import Settings
from tests.discord_server.routes import ROUTES
from tests.discord_world import World, world

MESSAGES = r"/channels/(\d+)/messages"
NEEDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", MESSAGES): ("view_channel", "send_messages", "send_messages_in_threads", "attach_files"),
    ("GET", r"/channels/(\d+)"): ("view_channel",),
    ("GET", r"/channels/(\d+)/thread-members/(\d+)"): ("view_channel",),
    ("GET", MESSAGES): ("view_channel", "read_message_history"),
    ("GET", MESSAGES + r"/(\d+)"): ("view_channel", "read_message_history"),
    ("GET", MESSAGES + r"/(\d+)/reactions/([^/]+)"): ("view_channel", "read_message_history"),
    ("POST", MESSAGES + r"/(\d+)/threads"): ("create_public_threads",),
    ("POST", r"/channels/(\d+)/typing"): ("send_messages",),
}
"""What Discord documents for each route in a server. A message of one's own may always be edited, and the
answer to a command needs no right at all."""
WITHOUT = re.compile(r"/(users|\(\?:oauth2|gateway|applications|interactions|webhooks|attachments)")


def test_the_rights_are_those_of_the_requests_that_are_made() -> None:
    wanted = discord.Permissions.none()
    for method, path in ROUTES:
        if WITHOUT.match(path) or method == "PATCH":
            continue
        wanted.update(**dict.fromkeys(NEEDS[method, path], True))
    assert wanted.value == RIGHTS.value


@asynccontextmanager
async def with_rights(path: Path, rights: discord.Permissions) -> AsyncIterator[World]:
    """A world whose bot has these rights and no others. People have theirs by a role."""
    async with world(path, settings=Settings(message_content=True, member_pace=0, guild_pace=0)) as w:
        backend = w.env.backend
        people = w.guild.create_role("people", permissions=discord.Permissions.all_channel())
        for member in (w.alice, w.bob):
            backend.add_member_role(w.guild.id, member.id, people.id)
        [own] = [role for role in backend.get_guild(w.guild.id).roles.values() if role.managed]
        backend.edit_role(w.guild.id, w.guild.id, {"permissions": 0})
        backend.edit_role(w.guild.id, own.id, {"permissions": rights.value})
        yield w


async def answers(w: World) -> None:
    asked = await w.alice.send(w.channel, f"{w.me} 你好")
    [answer] = w.sent()
    assert answer.content == "你好!"
    assert answer.reference is not None
    assert answer.reference.message_id == asked.id


async def goes_on_in_a_thread(w: World) -> None:
    await w.alice.slash(w.channel, "chat", text="说说月亮")
    [thread] = w.threads()
    assert w.sent(thread)[0].content.startswith("-# 我们在这里接着聊")
    await w.alice.send(thread, "圆不圆")
    assert w.sent(thread)[-1].content == "圆不圆!"


async def summarises(w: World) -> None:
    await w.bob.send(w.channel, "明天八点在湖边开会")
    summary = await w.alice.slash(w.channel, "summary")
    assert "湖边" in summary.response.content


async def sends_a_file(w: World) -> None:
    if not w.bot.get_channel(w.channel.id).permissions_for(w.bot.get_guild(w.guild.id).me).attach_files:
        w.env.inject_error("POST", "/channels/*/messages", status=403, code=50013)  # SimCord takes any file
    w.engine.text = lambda request: "春天来了，花都开了。" * 2000
    await w.alice.send(w.channel, f"{w.me} 写长一点")
    assert [each.filename for each in w.sent()[0].attachments] == ["moyou.txt"]


Deed = Callable[[World], Awaitable[None]]
DEEDS: list[Deed] = [answers, goes_on_in_a_thread, summarises, sends_a_file]


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
async def test_with_these_rights_and_no_others_everything_is_done(tmp_path: Path, deed: Deed) -> None:
    async with with_rights(tmp_path, RIGHTS) as w:
        await deed(w)


@pytest.mark.parametrize(
    ("right", "deed"),
    [
        ("view_channel", answers),
        ("send_messages", answers),
        ("read_message_history", summarises),
        ("create_public_threads", goes_on_in_a_thread),
        ("send_messages_in_threads", goes_on_in_a_thread),
        ("attach_files", sends_a_file),
    ],
)
async def test_without_one_of_them_something_is_missing(tmp_path: Path, right: str, deed: Deed) -> None:
    rights = discord.Permissions(RIGHTS.value)
    assert getattr(rights, right)
    rights.update(**{right: False})
    async with with_rights(tmp_path, rights) as w:
        with pytest.raises((AssertionError, ValueError, IndexError)):
            await deed(w)


def test_every_right_is_missed_by_somebody() -> None:
    marks = test_without_one_of_them_something_is_missing.pytestmark  # type: ignore[attr-defined]
    [cases] = [mark.args[1] for mark in marks]
    assert discord.Permissions(**{right: True for right, _ in cases}) == RIGHTS


def test_the_link_names_the_application_of_the_token() -> None:
    token = "MTIzNDU2Nzg5MDEyMzQ1Njc4OQ.GabcdE.x-1234567890_abcdefghijklmnopqrstuvwx"
    assert application_of(token) == "1234567890123456789"
    assert invite_link(application_of(token)) == (
        "https://discord.com/oauth2/authorize?client_id=1234567890123456789"
        f"&scope=bot+applications.commands&permissions={RIGHTS.value}"
    )
