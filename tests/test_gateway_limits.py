"""Every route the client uses, limited once: Discord's wait is kept, and what was asked for is done once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engine import Journal
from tests.discord_server import DiscordServer, payloads
from tests.test_catching_up import new_session, quick, unseen
from tests.test_gateway import ME, MESSAGES, Line, connected, standing

__all__ = ["quick"]
WAIT = 0.2
AT_START = [
    ("GET", "/users/@me"),
    ("GET", "/(?:oauth2/)?applications/@me"),
    ("GET", "/gateway/bot"),
    ("PUT", r"/applications/\d+/commands"),
]
Deed = Callable[[Line], Awaitable[None]]


def kept(server: DiscordServer, method: str, pattern: str) -> None:
    """The request was refused, then made again not before its time."""
    calls = server.made(method, pattern)
    refused = next(index for index, call in enumerate(calls) if call.status == 429)
    first = calls[refused]
    second = next(c for c in calls[refused + 1 :] if (c.path, c.body) == (first.path, first.body))
    assert second.status < 300
    assert second.at - first.at >= WAIT


async def test_limits_while_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = DiscordServer.__aenter__

    async def limited(self: DiscordServer) -> DiscordServer:
        for method, path in AT_START:
            self.limit_next(method, path, WAIT)
        return await before(self)

    monkeypatch.setattr(DiscordServer, "__aenter__", limited)
    async with connected(tmp_path, monkeypatch) as line:
        await line.server.write(line.alice, f"{ME} 你好")
        await line.server.until(line.server.said)
        for method, path in AT_START:
            kept(line.server, method, path)


async def mention(line: Line) -> None:
    await line.server.write(line.alice, f"{ME} 你好")
    await line.server.until(line.server.said)


async def slow_mention(line: Line) -> None:
    """The typing sign is there while something is written."""
    line.engine.gate = asyncio.Event()
    await line.server.write(line.alice, f"{ME} 你好")
    typing = r"/channels/\d+/typing"
    await line.server.until(lambda: any(c.status == 204 for c in line.server.made("POST", typing)))
    line.engine.gate.set()
    await line.server.until(line.server.said)


async def direct(line: Line) -> None:
    channel = line.server.direct_channel(line.alice)
    await line.server.write(line.alice, "你好", channel=channel)
    await line.server.until(lambda: line.server.said(channel))


async def chain(line: Line) -> None:
    """A reply whose message the client does not know and has to read."""
    earlier = unseen(line, "原先的话")
    unknown = {**earlier, "author": payloads.BOT}
    message = payloads.message(
        line.server.channel["id"],
        line.alice,
        f"{ME} 你好",
        type=19,
        message_reference={"type": 0, "channel_id": earlier["channel_id"], "message_id": unknown["id"]},
        mentions=[payloads.BOT],
        guild_id=line.server.guild["id"],
        member=payloads.member(line.alice),
    )
    await line.server.gateway.dispatch("MESSAGE_CREATE", message)
    await line.server.until(line.server.said)


async def command(line: Line) -> None:
    await line.server.until(lambda: line.server.commands)
    [poem] = [each for each in line.server.commands if each["name"] == "poem"]
    options = [{"name": "theme", "type": 3, "value": "登高"}]
    data = {"id": poem["id"], "name": "poem", "type": 1, "options": options}
    token = await line.server.interact(line.alice, 2, data)
    await line.server.until(lambda: line.server.responses.get(token, {}).get("content"))


async def missed_reaction(line: Line) -> None:
    await mention(line)
    [answer] = line.server.said()
    await line.journal(Journal.counts)
    line.server.reacted[answer["id"]] = {"👍": {line.alice["id"]: dict(line.alice)}}
    await new_session(line)
    assert await standing(line, 1) == [1.0]


WHILE_IT_RUNS: list[tuple[str, str, Deed]] = [
    ("POST", MESSAGES, mention),
    ("POST", r"/channels/\d+/typing", slow_mention),
    ("GET", MESSAGES, direct),
    ("GET", MESSAGES + r"/\d+", chain),
    ("POST", r"/interactions/.*", command),
    ("PATCH", r"/webhooks/.*", command),
    ("GET", MESSAGES, missed_reaction),
    ("GET", MESSAGES + r"/\d+", missed_reaction),
    ("GET", MESSAGES + r"/\d+/reactions/.*", missed_reaction),
]


@pytest.mark.parametrize(
    ("method", "path", "deed"),
    WHILE_IT_RUNS,
    ids=[f"{m} {re.sub(r'[^a-z/]', '', p)} {d.__name__}" for m, p, d in WHILE_IT_RUNS],
)
async def test_limits_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str, deed: Deed
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        line.server.limit_next(method, path, WAIT)
        await deed(line)
        await line.server.until(lambda: any(c.status == 429 for c in line.server.made(method, path)))
        await line.server.until(lambda: line.server.made(method, path)[-1].status < 300)
        kept(line.server, method, path)
        assert len(line.engine.asked) == 1


@pytest.mark.parametrize("statuses", [(500, 502), (502, 502), (503,), (504,)])
async def test_a_burst_of_discords_own_trouble_is_sat_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statuses: tuple[int, ...]
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        for status in statuses:
            line.server.refuse_next("POST", MESSAGES, status)
        await mention(line)
        assert [call.status for call in line.server.made("POST", MESSAGES)] == [*statuses, 200]
        assert len(line.server.said()) == 1
