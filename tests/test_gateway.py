"""The whole client over real sockets, against tests/discord_server: HTTP, 429, dropped lines, RESUME."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.client import MoyouClient
from bot.context import CHAIN, CONTEXT_TOKENS
from bot.settings import Settings
from engine import Journal, JournalThread, token_count
from tests.discord_server import DiscordServer, payloads
from tests.discord_server.gateway import IDENTIFY, RECONNECT, RESUME
from tests.fakes import FakeEngine

ME = f"<@{payloads.APPLICATION}>"
MESSAGES = r"/channels/\d+/messages"


@dataclass
class Line:
    """A running client and the server it talks to."""

    server: DiscordServer
    client: MoyouClient
    engine: FakeEngine
    journal: JournalThread
    alice: dict[str, Any]


@asynccontextmanager
async def connected(
    path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings | None = None
) -> AsyncIterator[Line]:
    settings = Settings() if settings is None else settings
    async with DiscordServer() as server, JournalThread(path / "journal.db") as journal:
        monkeypatch.setattr(Route, "BASE", server.api)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", URL(server.gateway.url))
        engine = FakeEngine()
        async with MoyouClient(engine, journal, settings) as client:
            running = asyncio.create_task(client.start(server.token))
            try:
                await server.until(lambda: server.gateway.sessions or running.done())
                assert not running.done(), running.exception()
                yield Line(server, client, engine, journal, payloads.user("alice"))
            finally:
                await client.close()
                await asyncio.gather(running, return_exceptions=True)
        assert server.problems == []


async def test_it_identifies_with_the_least_intents_and_syncs_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [identify] = line.server.gateway.heard(IDENTIFY)
        # guilds, guild messages, guild reactions, direct messages, direct reactions
        assert identify["d"]["intents"] == 1 << 0 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13
        assert identify["d"]["shard"] == [0, 1]
        assert line.server.gateway.line.is_compressed
        assert {"poem", "chat", "continue", "summary", "privacy"} <= {c["name"] for c in line.server.commands}


async def test_a_mention_is_answered_and_a_reaction_is_a_judgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        asked = await line.server.write(line.alice, f"{ME} 你好")
        [answer] = await line.server.until(line.server.said)
        assert answer["content"] == "你好!"
        assert answer["message_reference"]["message_id"] == asked["id"]
        [call] = line.server.made("POST", MESSAGES)
        assert call.body["allowed_mentions"] == {"parse": [], "replied_user": False}
        await line.server.react(line.alice, answer, "👍")
        assert await standing(line, 1) == [1.0]
        await line.server.react(line.alice, answer, "👍", removed=True)
        assert await standing(line, 0) == []


async def standing(line: Line, count: int) -> list[float]:
    """The judgements that stand, once there are so many (within ten seconds)."""
    async with asyncio.timeout(10):
        while True:
            found = [signal.value for signal in await line.journal(Journal.signals)]
            if len(found) == count:
                return found
            await asyncio.sleep(0.01)


async def test_a_direct_message_has_its_conversation_as_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        direct = line.server.direct_channel(line.alice)
        for number, text in enumerate(("早", "吃了吗"), start=1):
            await line.server.write(line.alice, text, channel=direct)
            await line.server.until(lambda number=number: len(line.server.said(direct)) == number)
        assert line.engine.asked[1].context == ("早", "早!")


async def test_without_the_intent_only_what_speaks_to_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        await line.server.write(line.alice, "大家好")
        await line.server.write(line.alice, f"{ME} 一")
        await line.server.until(line.server.said)
        await line.server.write(line.alice, "二", reply_to=line.server.said()[0])
        await line.server.until(lambda: len(line.server.said()) == 2)
        assert [(request.text, request.context) for request in line.engine.asked] == [
            ("一", ()),
            ("二", ("一", "一!")),
        ]


@pytest.mark.parametrize(("readable", "said"), [(True, "你好!"), (False, "@ 我")])
async def test_a_mention_of_its_role_speaks_to_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool, said: str
) -> None:
    """Discord's picker offers the bot's own role beside the bot; its messages come without their words."""
    async with connected(tmp_path, monkeypatch, Settings(message_content=readable)) as line:
        role = line.server.guild["roles"][1]["id"]
        await line.server.write(line.alice, f"<@&{role}> 你好")
        [answer] = await line.server.until(line.server.said)
        assert said in answer["content"]


async def test_a_rate_limit_is_waited_out_and_the_answer_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        line.server.limit_next("POST", MESSAGES, 0.5)
        await line.server.write(line.alice, f"{ME} 你好")
        await line.server.until(line.server.said)
        first, second = line.server.made("POST", MESSAGES)
        assert (first.status, second.status) == (429, 200)
        assert second.at - first.at >= 0.5
        assert first.body == second.body
        assert len(line.server.said()) == len(line.engine.asked) == 1


async def test_a_lost_answer_does_not_make_a_second_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        line.server.lose_answer_to_next("POST", MESSAGES)
        asked = await line.server.write(line.alice, f"{ME} 你好")
        await line.server.until(lambda: len(line.server.made("POST", MESSAGES)) == 2)
        first, second = line.server.made("POST", MESSAGES)
        assert (first.status, second.status) == (502, 200)
        assert first.body["nonce"] == second.body["nonce"] == f"{asked['id']}-0"
        assert first.body["enforce_nonce"]
        assert len(line.server.said()) == 1


async def test_after_a_dropped_line_it_resumes_and_answers_what_came_meanwhile_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        gateway = line.server.gateway
        await line.server.write(line.alice, f"{ME} 一")
        [answer] = await line.server.until(line.server.said)
        [session] = gateway.sessions.values()
        connection = session.connection
        assert connection is not None
        connection.cut()
        await line.server.write(line.alice, f"{ME} 二")
        await line.server.react(line.alice, answer, "👎")
        assert session.connection is None
        await line.server.until(lambda: len(line.server.said()) >= 2)
        [resume] = gateway.heard(RESUME)
        assert resume["d"]["session_id"] == session.id
        assert len(gateway.heard(IDENTIFY)) == 1
        assert await standing(line, 1) == [-1.0]
        # the line works, and nothing of before comes again
        await line.server.write(line.alice, f"{ME} 三")
        await line.server.until(lambda: len(line.server.said()) >= 3)
        assert [each["content"] for each in line.server.said()] == ["一!", "二!", "三!"]
        assert [request.text for request in line.engine.asked] == ["一", "二", "三"]


async def test_when_discord_asks_for_a_reconnect_it_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [session] = line.server.gateway.sessions.values()
        assert session.connection is not None
        await session.connection.send({"op": RECONNECT, "d": None})
        await line.server.until(lambda: line.server.gateway.heard(RESUME))
        await line.server.write(line.alice, f"{ME} 你好")
        await line.server.until(line.server.said)
        assert len(line.server.gateway.heard(IDENTIFY)) == 1


async def test_a_command_is_deferred_and_edited_once_and_its_buttons_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        await line.server.until(lambda: line.server.commands)
        [poem] = [command for command in line.server.commands if command["name"] == "poem"]
        options = [{"name": "theme", "type": 3, "value": "登高"}]
        data = {"id": poem["id"], "name": "poem", "type": 1, "options": options}
        token = await line.server.interact(line.alice, 2, data)
        await line.server.until(lambda: line.server.responses.get(token, {}).get("content"))
        answer = line.server.responses[token]
        assert answer["content"].startswith("**登高**")
        [callback] = line.server.made("POST", "/interactions/.*")
        assert callback.body["type"] == 5
        assert callback.query["with_response"] in ("1", "true", "True")
        assert len(line.server.made("PATCH", "/webhooks/.*")) == 1
        assert line.engine.asked[0].locale == "zh-CN"
        button = answer["components"][0]["components"][0]
        press = {"custom_id": button["custom_id"], "component_type": 2}
        again = await line.server.interact(line.alice, 3, press, message=answer)
        await line.server.until(lambda: again in line.server.responses)
        assert line.server.responses[again]["flags"] & 64
        assert await standing(line, 1) == [1.0]


async def test_a_client_that_closes_ends_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [session] = line.server.gateway.sessions.values()
        assert session.connection is not None
        ended = session.connection.ended
        await line.client.close()
        async with asyncio.timeout(10):
            await ended.wait()
        assert session.connection is None


async def test_of_a_hundred_thousand_messages_the_last_few_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        direct = {"id": payloads.snowflake(), "type": 1}
        old = payloads.message(direct["id"], line.alice, "早就说过的话")
        first = int(old["id"]) - 100_000
        line.server.messages |= {str(first + n): {**old, "id": str(first + n)} for n in range(100_000)}
        await line.server.write(line.alice, "你好", channel=direct)
        await line.server.until(lambda: line.server.said(direct))
        [read] = line.server.made("GET", MESSAGES)
        assert read.query["limit"] == str(CHAIN)
        assert sum(map(token_count, line.engine.asked[-1].context)) <= CONTEXT_TOKENS
