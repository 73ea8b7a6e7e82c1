"""bot/summary_reading.py over real sockets: thousands of messages within Discord's limits, as they stand."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings
from tests.discord_server import payloads
from tests.test_gateway import MESSAGES, Line, connected

READING = Settings(message_content=True)
WAIT = 0.3


def said(line: Line, number: int, text: str, **fields: Any) -> dict[str, Any]:
    """A message that stood there before, `number` minutes after a midnight long ago."""
    then = datetime.datetime(2025, 11, 27, tzinfo=datetime.UTC) + datetime.timedelta(minutes=number)
    channel = fields.pop("channel", line.server.channel["id"])
    message = payloads.message(channel, fields.pop("author", line.alice), text, **fields)
    message["id"] = str(int(then.timestamp() * 1000) - payloads.EPOCH << 22)
    message["timestamp"] = then.isoformat()
    line.server._remember(message)
    return message


async def summary(line: Line, **options: Any) -> str:
    """What /summary answers."""
    await line.server.until(lambda: line.server.commands)
    [command] = [each for each in line.server.commands if each["name"] == "summary"]
    kinds = {option["name"]: option["type"] for option in command["options"]}
    given = [{"name": name, "type": kinds[name], "value": value} for name, value in options.items()]
    data = {"id": command["id"], "name": "summary", "type": 1, "options": given}
    token = await line.server.interact(line.alice, 2, data)
    done = re.compile("读了|还没有|读取")

    def answer() -> str:
        content: str = line.server.responses.get(token, {}).get("content", "")
        return content if done.search(content) and "正在" not in content else ""

    return str(await line.server.until(answer, 60))


async def test_thousands_of_messages_are_read_and_limits_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.summary.EVERY", 0.0)
    async with connected(tmp_path, monkeypatch, READING) as line:
        for number in range(3_050):
            said(line, number, f"第{number}句话，说的是周末的事")
        line.server.limit_next("GET", MESSAGES, WAIT)
        told = await summary(line, count=3_000)
        assert "读了 3000 条消息" in told
        [messages] = line.engine.summarized
        assert [each.text for each in messages] == [f"第{n}句话，说的是周末的事" for n in range(50, 3_050)]
        calls = line.server.made("GET", MESSAGES)
        assert [call.status for call in calls] == [429] + [200] * 30
        assert calls[1].at - calls[0].at >= WAIT
        assert "只有你能看到" in told


async def test_a_limit_that_is_too_long_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.summary.PATIENCE", datetime.timedelta(seconds=2))
    monkeypatch.setattr("bot.summary.EVERY", 0.0)
    async with connected(tmp_path, monkeypatch, READING) as line:
        for number in range(300):
            said(line, number, f"第{number}句话，说的是周末的事")
        before = line.server._get_messages

        async def limited(*call: Any) -> Any:
            line.server.limit_next("GET", MESSAGES, 60)
            return await before(*call)

        monkeypatch.setattr(line.server, "_get_messages", limited)
        told = await summary(line, count=300)
        assert "没有全读" in told
        assert line.engine.summarized[0][-1].text == "第299句话，说的是周末的事"
        assert len(line.engine.summarized[0]) == 100


async def test_what_is_read_of_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(tmp_path, monkeypatch, READING) as line:
        bob = {**payloads.user("bob"), "global_name": "阿波"}
        first = said(line, 0, "周六去爬山怎么样")
        counted = {
            "emoji": {"id": None, "name": "👍"},
            "count": 3,
            "count_details": {"burst": 0, "normal": 3},
            "burst_colors": [],
            "me": True,
            "me_burst": False,
        }
        said(line, 1, "好啊，七点南门集合", author=bob, reactions=[counted])
        reference = {"type": 0, "channel_id": first["channel_id"], "message_id": first["id"]}
        said(line, 2, "我带绳子", type=19, message_reference=reference, referenced_message=first)
        said(line, 3, "", type=7)  # somebody joined
        said(line, 4, "我是机器人说的话", author={**payloads.user("robot"), "bot": True})
        said(line, 5, "!play 一首歌")
        await summary(line, count=50)
        one, two, three = line.engine.summarized[0]
        assert (one.text, one.author, one.reactions) == ("周六去爬山怎么样", "alice", 0)
        assert (two.author, two.reactions) == ("阿波", 2)
        assert (three.text, three.reply_to) == ("我带绳子", first["id"])


async def test_a_thread_begins_with_what_it_was_opened_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch, READING) as line:
        first = said(line, 0, "周六去爬山怎么样", channel=payloads.snowflake())
        reference = {"type": 0, "channel_id": first["channel_id"], "message_id": first["id"]}
        said(line, 1, "", type=21, message_reference=reference, referenced_message=first)
        said(line, 2, "我带绳子")
        await summary(line)
        assert next((each.id, each.text) for each in line.engine.summarized[0]) == (
            first["id"],
            first["content"],
        )
        assert len(line.engine.summarized[0]) == 2
