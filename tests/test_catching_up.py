"""bot/catching_up.py over real sockets: what a new session was not told of is made up for, and no more."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.client import MoyouClient
from bot.settings import Settings
from engine import Journal, emoji_values_in
from tests.discord_server import payloads
from tests.test_gateway import ME, Line, connected, standing

READY = 0.2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new session is ready soon, and begins at once."""

    async def at_once(self: MoyouClient, shard_id: int | None, *, initial: bool = False) -> None:
        self._connection.guild_ready_timeout = READY

    monkeypatch.setattr(MoyouClient, "before_identify_hook", at_once)


def unseen(line: Line, text: str, minutes: float = 0.0, **fields: Any) -> dict[str, Any]:
    """A message that no session was told of, some minutes old."""
    message = payloads.message(line.server.channel["id"], line.alice, text, **fields)
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    message["id"] = str((int(then.timestamp() * 1000) - payloads.EPOCH) << 22 | int(message["id"]) & 0xFFFF)
    message["timestamp"] = then.isoformat()
    message["mentions"] = [payloads.BOT] if ME in text else []
    line.server._remember(message)
    return message


async def new_session(line: Line) -> None:
    before = len(line.server.gateway.sessions)
    await line.server.gateway.line.invalidate()
    await line.server.until(lambda: len(line.server.gateway.sessions) > before)


async def test_prompts_that_nobody_told_of_are_answered_if_somebody_may_still_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch, Settings(member_pace=0, guild_pace=0)) as line:
        await line.server.write(line.alice, f"{ME} 一")
        await line.server.until(line.server.said)
        unseen(line, f"{ME} 旧的", minutes=11)
        unseen(line, "大家好")
        asked = unseen(line, f"{ME} 二", minutes=1)
        await new_session(line)
        await line.server.until(lambda: len(line.server.said()) >= 2)
        await line.server.write(line.alice, f"{ME} 三")
        await line.server.until(lambda: len(line.server.said()) >= 3)
        assert [each["content"] for each in line.server.said()] == ["一!", "二!", "三!"]
        assert line.server.said()[1]["message_reference"]["message_id"] == asked["id"]


async def test_another_process_answers_what_the_first_did_not_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        await line.server.write(line.alice, f"{ME} 一")
        await line.server.until(line.server.said)
        await line.client.close()
        unseen(line, f"{ME} 二")
        async with MoyouClient(line.engine, line.journal, line.client.settings) as second:
            running = asyncio.create_task(second.start(line.server.token))
            await line.server.until(lambda: len(line.server.said()) >= 2)
            await second.close()
            await asyncio.gather(running, return_exceptions=True)
        assert [each["content"] for each in line.server.said()] == ["一!", "二!"]
        assert [request.text for request in line.engine.asked] == ["一", "二"]


async def test_reactions_that_came_or_went_unseen_are_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        await line.server.write(line.alice, f"{ME} 一")
        [answer] = await line.server.until(line.server.said)
        bob, carol = payloads.user("bob"), payloads.user("carol")
        await line.server.react(bob, answer, "👍")
        assert await standing(line, 1) == [1.0]
        line.server.reacted[answer["id"]] = {"👎🏽": {carol["id"]: carol}, "🎉": {bob["id"]: bob}}
        await new_session(line)
        async with asyncio.timeout(10):
            while [each.value for each in await line.journal(Journal.signals)] != [-1.0]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_unseen_reactions_are_worth_what_the_server_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        await line.server.write(line.alice, f"{ME} 一")
        [answer] = await line.server.until(line.server.said)
        bob, carol = payloads.user("bob"), payloads.user("carol")
        await line.server.react(bob, answer, "👍")
        assert await standing(line, 1) == [1.0]
        table = emoji_values_in("❤️ 0.5\n<:meh:123456789012345678> -0.25")
        await line.client.guild_settings.change(int(line.server.guild["id"]), emoji=table)
        dave, erin = payloads.user("dave"), payloads.user("erin")
        line.server.reacted[answer["id"]] = {
            "👍": {each["id"]: each for each in (bob, carol)},
            "❤️": {dave["id"]: dave},
            "meh:123456789012345678": {erin["id"]: erin},
        }
        await new_session(line)
        # bob's 👍 was worth something when he gave it, carol's is not
        assert sorted(await standing(line, 3)) == [-0.25, 0.5, 1.0]


async def test_a_prompt_that_was_edited_unseen_offers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        asked = await line.server.write(line.alice, f"{ME} 一")
        await line.server.until(line.server.said)
        kept = await line.server.write(line.alice, f"{ME} 二")
        await line.server.until(lambda: len(line.server.said()) >= 2)
        await line.client.close()
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
        asked.update(content=f"{ME} 三", edited_timestamp=later.isoformat())
        gone = unseen(line, f"{ME} 收回的")
        del line.server.messages[gone["id"]]  # deleted unseen: nobody asks any more
        async with MoyouClient(line.engine, line.journal, line.client.settings) as second:
            running = asyncio.create_task(second.start(line.server.token))
            await line.server.until(lambda: "moyou-edited" in str(line.server.said()[0]["components"]))
            await second.close()
            await asyncio.gather(running, return_exceptions=True)
        assert "moyou-edited" not in str(line.server.said()[1]["components"])
        assert kept["id"] == line.server.said()[1]["message_reference"]["message_id"]
        assert [request.text for request in line.engine.asked] == ["一", "二"]


async def test_judgements_of_a_reply_that_was_deleted_unseen_are_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        bob = payloads.user("bob")
        for number, text in enumerate(("一", "二"), start=1):
            await line.server.write(line.alice, f"{ME} {text}")
            await line.server.until(lambda number=number: len(line.server.said()) >= number)
            await line.server.react(bob, line.server.said()[-1], "👍")
        assert await standing(line, 2) == [1.0, 1.0]
        gone = line.server.said()[1]
        del line.server.messages[gone["id"]], line.server.reacted[gone["id"]]
        await new_session(line)
        assert await standing(line, 1) == [1.0]
        [left] = list(await line.journal(Journal.signals))
        kept = await line.journal(Journal.generation_of, line.server.said()[0]["id"])
        assert left.generation == kept


async def test_a_channel_that_cannot_be_read_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        unseen(line, f"{ME} 一")
        line.server.refuse_next("GET", r"/channels/\d+/messages", 403)
        await new_session(line)
        await line.server.until(lambda: not line.server.faults)
        await line.server.write(line.alice, f"{ME} 二")
        await line.server.until(line.server.said)
        assert [each["content"] for each in line.server.said()] == ["二!"]
        assert "a channel could not be read again" in caplog.text
