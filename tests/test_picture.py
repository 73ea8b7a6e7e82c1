"""tests/picture.py: the README's conversations are those that were held, and markup in them stays words."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from bot.feedback import _EMOJI
from tests.discord_server import payloads
from tests.picture import CONVERSATIONS, FOLDER, ME, Room, shown, sign


class Held(Room):
    """Notes who said what, and asks nobody."""

    def __init__(self) -> None:
        super().__init__(cast(Any, None), "en-US")
        self.said: list[tuple[str, str]] = []

    async def say(self, name: str, text: str) -> dict[str, Any]:
        self.said.append((name, text))
        return payloads.message("1", payloads.BOT, text)

    async def ask(self, name: str, text: str, reply_to: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.say(name, text if reply_to else f"{ME} {text}")

    async def command(self, name: str, command: str, **options: str) -> dict[str, Any]:
        return payloads.message("1", payloads.BOT, command)

    async def menu(self, name: str, menu: str, message: dict[str, Any]) -> dict[str, Any]:
        return message

    def react(self, emoji: str, count: int) -> None:
        """Nothing is drawn here."""


class NoServer:
    async def react(self, *_: Any) -> None:
        """Nobody hears it."""


@pytest.mark.parametrize("name", list(CONVERSATIONS))
def test_a_transcript_is_of_the_conversation_in_the_script(name: str) -> None:
    room = Held()
    room.server = cast(Any, NoServer())
    asyncio.run(CONVERSATIONS[name][3](room))
    lines = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert [(line["who"], line["text"]) for line in lines if "who" in line] == room.said
    ours = [line for line in lines if "who" not in line]
    assert sum(bool(line["buttons"]) for line in ours) == 3
    assert [line["private"] for line in ours] == [False, False, False, True]
    assert (FOLDER / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_markdown_is_drawn_and_markup_is_not() -> None:
    text = "**标题**\n```\n甲乙\n```\n-# 小字 ✓\n> 引 \\*\\*用\n- `待办` 做 [↗1](<https://discord.com/1>)\n<b>不</b>"
    drawn = shown(f"{ME} {text}", "墨友")
    assert '<span class="mention">@墨友</span> <b>标题</b>' in drawn
    assert "<pre>甲乙</pre>" in drawn
    assert '<div class="small">小字 ✓</div>' in drawn
    assert '<div class="quote">引 **用</div>' in drawn
    assert '<code>待办</code> 做 <span class="link">↗1</span>' in drawn
    assert "&lt;b&gt;不&lt;/b&gt;" in drawn


def test_every_sign_under_a_reply_can_be_drawn() -> None:
    for action in ("up", "down", "again", "vary", "why"):
        assert "<svg" in sign(_EMOJI[action])
