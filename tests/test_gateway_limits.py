"""Every route the client uses, limited once: Discord's wait is kept, and what was asked for is done once.

That these are all the routes: tests/discord_server answers no other, tests/discord_world.py holds every
request of a world against the same list, and the last test here holds the list against the cases.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot import patience
from bot.settings import Settings
from engine import Journal, Request
from tests.discord_server import DiscordServer, payloads
from tests.discord_server.gateway import MESSAGE_CONTENT
from tests.discord_server.routes import ROUTES, Call
from tests.test_catching_up import new_session, quick, unseen
from tests.test_gateway import ME, MESSAGES, Line, connected, standing
from tests.test_menus import Reports

__all__ = ["quick"]
WAIT = 0.2
CALLBACK = r"/interactions/\d+/[^/]+/callback"
AT_START = [
    ("GET", "/users/@me"),
    ("GET", "/(?:oauth2/)?applications/@me"),
    ("GET", "/gateway/bot"),
    ("PUT", r"/applications/\d+/commands"),
]
Deed = Callable[[Line], Awaitable[None]]


async def kept(server: DiscordServer, method: str, pattern: str) -> None:
    """The request is refused, then made again not before its time."""
    await server.until(lambda: any(call.status == 429 for call in server.made(method, pattern)))
    first = next(call for call in server.made(method, pattern) if call.status == 429)

    def again() -> Call | None:
        calls = server.made(method, pattern)
        later = calls[calls.index(first) + 1 :]
        return next((c for c in later if c.status and (c.path, c.body) == (first.path, first.body)), None)

    second = await server.until(again)
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
            await kept(line.server, method, path)


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


async def use(line: Line, name: str, kind: int = 2, /, focused: str = "", **values: str) -> str:
    """A command is used (2) or completed (4); the interaction's token."""
    await line.server.until(lambda: line.server.commands)
    [known] = [each for each in line.server.commands if each["name"] == name]
    options = [
        {"name": option, "type": 3, "value": value, **({"focused": True} if option == focused else {})}
        for option, value in values.items()
    ]
    data = {"id": known["id"], "name": name, "type": 1, "options": options}
    return await line.server.interact(line.alice, kind, data)


async def shown(line: Line, token: str) -> dict[str, Any]:
    """The response to an interaction, once it says something."""
    await line.server.until(lambda: (line.server.responses.get(token) or {}).get("content"))
    response = line.server.responses[token]
    assert response is not None
    return response


async def command(line: Line) -> None:
    await shown(line, await use(line, "poem", theme="登高"))


async def help_page(line: Line) -> None:
    """A message at once."""
    await shown(line, await use(line, "help"))
    line.engine.asked.append(Request("chat", "nothing is written here"))


async def completion(line: Line) -> None:
    await use(line, "poem", 4, focused="form", form="浣")
    await command(line)


async def window(line: Line) -> None:
    """A window for a long text, and what is written in it."""
    await use(line, "continue")
    await line.server.until(lambda: windows(line))
    identity = windows(line)[0]["custom_id"]
    text = {"type": 4, "custom_id": "text", "value": "从前"}
    data = {"custom_id": identity, "components": [{"type": 18, "component": text}]}
    await shown(line, await line.server.interact(line.alice, 5, data))


def windows(line: Line) -> list[dict[str, Any]]:
    calls = line.server.made("POST", CALLBACK)
    return [call.body["data"] for call in calls if call.body["type"] == 9 and call.status == 200]


async def privacy(line: Line) -> None:
    """A button that changes the message it is under."""
    token = await use(line, "privacy")
    page = await shown(line, token)
    data = {"component_type": 2, "custom_id": "moyou-privacy:stop"}
    line.server.limit_next("POST", CALLBACK, WAIT)
    await line.server.interact(line.alice, 3, data, message=page)
    line.engine.asked.append(Request("chat", "nothing is written here"))
    await line.server.until(lambda: any(c.body["type"] == 7 for c in line.server.made("POST", CALLBACK)))


async def long_command(line: Line) -> None:
    """An answer in several messages: the first is an edit, the others follow."""
    line.engine.text = lambda request: "春天来了，花都开了。" * 300
    token = await use(line, "continue", text="从前")
    await line.server.until(lambda: len(line.server.followups.get(token, ())) == 1)


async def very_long_command(line: Line) -> None:
    """An answer as a file."""
    line.engine.text = lambda request: "春天来了，花都开了。" * 2000
    response = await shown(line, await use(line, "continue", text="从前"))
    assert [each["filename"] for each in response["attachments"]] == ["moyou.txt"]


async def very_long_answer(line: Line) -> None:
    line.engine.text = lambda request: "春天来了，花都开了。" * 2000
    await mention(line)
    assert [each["filename"] for each in line.server.said()[0]["attachments"]] == ["moyou.txt"]


async def file_read(line: Line) -> None:
    """A text file that somebody attached."""
    line.server.attached["a.txt"] = "月亮".encode()
    url = line.server.api.removesuffix("/api/v10") + "/attachments/a.txt"
    file = {"id": payloads.snowflake(), "filename": "a.txt", "size": 6, "url": url, "proxy_url": url}
    message = payloads.message(line.server.channel["id"], line.alice, ME, mentions=[payloads.BOT])
    await line.server.gateway.dispatch("MESSAGE_CREATE", {**message, "attachments": [file]})
    await line.server.until(line.server.said)
    assert line.engine.asked[0].text == "月亮"


async def edited(line: Line) -> None:
    asked = await line.server.write(line.alice, f"{ME} 你好")
    await line.server.until(line.server.said)
    await line.journal(Journal.counts)
    await line.server.edit(asked, f"{ME} 再见")
    await line.server.until(lambda: "moyou-edited" in str(line.server.said()[0]["components"]))


async def thread(line: Line) -> None:
    """A conversation opens its thread, and the first message in it."""
    await shown(line, await use(line, "chat", text="月亮"))
    await line.server.until(lambda: line.server.guild["threads"])
    [opened] = line.server.guild["threads"]
    await line.server.until(lambda: line.server.said(opened))


async def report(line: Line) -> None:
    """Moderators read of it in a channel of theirs."""
    await mention(line)
    staff = payloads.text_channel(line.server.guild["id"], "管理")
    line.client.answering.choices = Reports(int(staff["id"]))
    await line.server.until(lambda: line.server.commands)
    [menu] = [each for each in line.server.commands if each["name"] == "举报给管理者"]
    [answer] = line.server.said()
    data = {
        "id": menu["id"],
        "name": menu["name"],
        "type": 3,
        "target_id": answer["id"],
        "resolved": {"messages": {answer["id"]: answer}},
    }
    await line.server.interact(line.alice, 2, data)
    await line.server.until(lambda: windows(line))
    data = {"custom_id": windows(line)[0]["custom_id"], "components": []}
    line.server.limit_next("POST", MESSAGES, WAIT)
    await shown(line, await line.server.interact(line.alice, 5, data))
    assert len(line.server.said(staff)) == 1


async def welcome(line: Line) -> None:
    """A new server is told what it does."""
    await mention(line)
    await line.server.until(lambda: line.server.gateway.connections and line.client.is_ready())
    new = payloads.guild("新的")
    del new["unavailable"]  # a server that was joined, rather than one that is back
    line.server.limit_next("POST", MESSAGES, WAIT)
    await line.server.gateway.dispatch("GUILD_CREATE", new)
    await line.server.until(lambda: line.server.said(new["channels"][0]))


async def summary(line: Line) -> None:
    """The channel's history."""
    line.server.gateway.line.session.intents |= MESSAGE_CONTENT
    await line.server.write(line.alice, "明天八点开会")
    response = await shown(line, await use(line, "summary"))
    assert "开会" in response["content"]
    line.engine.asked.append(Request("summary", "is made without the writer"))


async def missed_reaction(line: Line) -> None:
    await mention(line)
    [answer] = line.server.said()
    await line.journal(Journal.counts)
    line.server.reacted[answer["id"]] = {"👍": {line.alice["id"]: dict(line.alice)}}
    await new_session(line)
    assert await standing(line, 1) == [1.0]


async def old_thread(line: Line) -> None:
    """A private thread that the client does not know any more, summarised for somebody in it."""
    line.server.gateway.line.session.intents |= MESSAGE_CONTENT
    guild, channel = line.server.guild["id"], line.server.channel["id"]
    thread = {**payloads.thread(guild, channel, payloads.snowflake(), "密谈"), "type": 12}
    line.server.archived[thread["id"]] = thread
    said = payloads.message(thread["id"], line.alice, "明天八点开会", guild_id=guild)
    line.server.messages[said["id"]] = said
    response = await shown(line, await use(line, "summary", channels=f"<#{thread['id']}>"))
    assert "开会" in response["content"]
    line.engine.asked.append(Request("summary", "is made without the writer"))


WHILE_IT_RUNS: list[tuple[str, str, Deed]] = [
    ("POST", MESSAGES, mention),
    ("POST", r"/channels/\d+/typing", slow_mention),
    ("GET", MESSAGES, direct),
    ("GET", MESSAGES + r"/\d+", chain),
    ("POST", CALLBACK, command),
    ("POST", CALLBACK, help_page),
    ("POST", CALLBACK, completion),
    ("POST", CALLBACK, window),
    ("POST", CALLBACK, privacy),
    ("PATCH", r"/webhooks/.*", command),
    ("PATCH", r"/webhooks/.*", very_long_command),
    ("POST", r"/webhooks/\d+/[^/]+", long_command),
    ("POST", MESSAGES, very_long_answer),
    ("GET", r"/attachments/.*", file_read),
    ("PATCH", MESSAGES + r"/\d+", edited),
    ("POST", MESSAGES + r"/\d+/threads", thread),
    ("POST", MESSAGES, thread),
    ("POST", MESSAGES, report),
    ("POST", MESSAGES, welcome),
    ("GET", MESSAGES, summary),
    ("GET", r"/channels/\d+", old_thread),
    ("GET", r"/channels/\d+/thread-members/\d+", old_thread),
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
    settings = Settings(message_content=deed in (summary, old_thread))
    async with connected(tmp_path, monkeypatch, settings) as line:
        line.server.limit_next(method, path, WAIT)
        await deed(line)
        await kept(line.server, method, path)
        assert len(line.engine.asked) == 1
        assert line.server.faults == []


async def test_limits_while_commands_are_told_to_one_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = r"/applications/\d+/guilds/\d+/commands"
    before = DiscordServer.__aenter__

    async def limited(self: DiscordServer) -> DiscordServer:
        self.limit_next("PUT", path, WAIT)
        return await before(self)

    monkeypatch.setattr(DiscordServer, "__aenter__", limited)
    settings = Settings(development_guild=900000000000000001)
    async with connected(tmp_path, monkeypatch, settings) as line:
        await mention(line)
        await kept(line.server, "PUT", path)


def test_no_route_is_left_out() -> None:
    tried = {(method, pattern) for method, pattern, _ in WHILE_IT_RUNS} | set(AT_START)
    tried.add(("PUT", r"/applications/\d+/guilds/\d+/commands"))

    def example(pattern: str) -> str:
        plain = pattern.replace("(?:oauth2/)?", "").replace("([^/]+)", "x").replace("(.+)", "x")
        return plain.replace(r"(\d+)", "1").replace(r"\d+", "1")

    left = [
        (method, pattern)
        for method, pattern in ROUTES
        if not any(m == method and re.fullmatch(p, example(pattern)) for m, p in tried)
    ]
    assert left == []


async def test_a_file_whose_answer_is_lost_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.client.patience.bound", functools.partial(patience.bound, seconds=1.0))
    async with connected(tmp_path, monkeypatch) as line:
        line.server.never_answer_next("POST", MESSAGES, done=True)
        line.server.never_answer_next("POST", MESSAGES, done=False)
        await very_long_answer(line)
        await line.server.until(lambda: [c.status for c in line.server.made("POST", MESSAGES)][-1:] == [200])
        assert len(line.server.said()) == 1
        assert len(line.server.made("POST", MESSAGES)) == 3


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
