"""10,000 random messages: nothing unhandled in the log, nothing that pings, nothing too long."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.answering import Answering
from bot.chat import Chat
from bot.settings import Settings
from bot.splitting import length
from engine import Journal, JournalThread, Manner, Request, wished
from engine.journal_personal import Wished
from tests.discord_world import world
from tests.fakes import FakeEngine
from tests.fuzz_messages import LONGEST, messages

ME = 42
PINGS = re.compile(r"<@[!&]?\d+>|@everyone|@here")
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class NoJournal:
    """Keeps every reply by saying so, and nothing else: ten thousand writes to a disk would test the disk."""

    async def __call__(self, method: Callable[..., Any], *_: Any, **__: Any) -> Any:
        return Wished(Manner(), "", {}) if method is wished else method is Journal.record or None

    def settle_soon(self) -> None: ...


class Channel:
    """Where messages come from, and what was sent there."""

    id = 7

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self._ids = itertools.count(10**6)

    async def send(self, text: str, **options: Any) -> SimpleNamespace:
        self.sent.append((text, options))
        return SimpleNamespace(id=next(self._ids))

    @contextlib.asynccontextmanager
    async def typing(self) -> AsyncIterator[None]:
        yield

    async def history(self, **_: Any) -> AsyncIterator[Any]:
        for nothing in ():
            yield nothing


def message(number: int, content: str, channel: Channel) -> discord.Message:
    """As much of a direct message as the chat's path reads."""
    fake = SimpleNamespace(
        id=number,
        content=content,
        author=SimpleNamespace(id=1, bot=False),
        webhook_id=None,
        type=discord.MessageType.default,
        guild=None,
        mentions=[],
        role_mentions=[],
        mention_everyone=False,
        reference=None,
        attachments=[],
        stickers=[],
        channel=channel,
        created_at=NOW,
        to_reference=lambda **_: None,
    )
    return cast(discord.Message, fake)


def echo(request: Request) -> str:
    """An answer as long as its request is odd: most fit, some need many messages, some become a file."""
    return request.text * (1 + len(request.text) % 7 * (len(request.text) % 3)) + "!"


async def test_ten_thousand_messages_are_answered_and_nothing_breaks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    engine = FakeEngine()
    engine.text = echo
    client = cast(discord.Client, SimpleNamespace(user=SimpleNamespace(id=ME)))
    chat = Chat(client, Answering(engine, cast(JournalThread, NoJournal()), Settings()))
    files = 0
    for number, content in enumerate(messages(10_000, seed=5)):
        channel = Channel()
        await chat.on_message(message(number, content, channel))
        assert channel.sent, repr(content)
        for text, options in channel.sent:
            assert text.strip()
            text.encode("utf-8")
            assert length(text) <= 2000
            assert not PINGS.search(text), repr(content)
            assert "allowed_mentions" not in options  # the client's own hold: none
            assert not options.get("mention_author")
            files += "file" in options
    assert files
    assert len(engine.asked) > 5000
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert all(len(record.getMessage()) < 100 for record in caplog.records)


def test_the_messages_are_as_bad_as_they_should_be() -> None:
    found = list(messages(2000, seed=5))
    assert max(map(len, found)) == LONGEST
    assert "" in found
    assert any("\ud800" in text for text in found)
    assert any("\u202e" in text for text in found)
    assert sum(bool(PINGS.search(text)) for text in found) > 200


@pytest.mark.parametrize("message_content", [False, True])
async def test_messages_go_through_discords_library_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, message_content: bool
) -> None:
    """A hundred of them, with real requests, which `world` holds to Discord's limits."""
    settings = Settings(message_content=message_content, member_pace=0, guild_pace=0)
    async with world(tmp_path, settings=settings) as w:
        w.engine.text = echo
        for content in messages(100, seed=6):
            await w.alice.send(w.channel, f"{w.me} {content}"[:2000])
        sent = w.sent()
        assert len(sent) >= 100
        assert not any(each.mention_everyone or each.raw_mentions for each in sent)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
