"""bot/log_exports.py: what chat programs export becomes messages of people, in order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.log_exports import messages_of
from bot.logs import read
from engine import Message

RULE = "=" * 62


def told(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.author, message.text) for message in messages]


LUNCH = [("小明", "周五吃火锅吗"), ("Ann Lee", "好呀，六点")]


def exporter_json(**second: Any) -> dict[str, Any]:
    """A channel as DiscordChatExporter writes it."""
    return {
        "guild": {"id": "1", "name": "一个服务器"},
        "channel": {"id": "2", "type": "GuildTextChat", "name": "闲聊"},
        "messages": [
            {
                "id": "10",
                "type": "Default",
                "timestamp": "2026-11-27T12:30:00.1234567+00:00",
                "isPinned": False,
                "content": "周五吃火锅吗",
                "author": {"id": "5", "name": "xm", "nickname": "小明", "isBot": False},
                "reactions": [{"emoji": {"name": "👍"}, "count": 3}, {"emoji": {"name": "🎉"}, "count": 1}],
            },
            {
                "id": "11",
                "type": "GuildMemberJoin",
                "timestamp": "2026-11-27T12:30:30+00:00",
                "content": "Joined the server.",
                "author": {"id": "7", "name": "new", "isBot": False},
            },
            {
                "id": "12",
                "type": "Default",
                "timestamp": "2026-11-27T12:30:40+00:00",
                "content": "我是机器人",
                "author": {"id": "8", "name": "bot", "isBot": True},
            },
            {
                "id": "13",
                "type": "Reply",
                "timestamp": "2026-11-27T20:32:00+08:00",
                "content": "好呀，六点",
                "author": {"id": "6", "name": "ann", "nickname": "Ann Lee", "isBot": False},
                "reactions": [],
                "reference": {"messageId": "10", "channelId": "2", "guildId": "1"},
                **second,
            },
        ],
    }


def test_an_exporters_json_is_read_with_answers_and_reactions() -> None:
    first, second = messages = read(json.dumps(exporter_json(), indent=2), "闲聊.json")
    assert told(messages) == LUNCH
    assert (first.reactions, second.reactions) == (4, 0)
    assert (first.reply_to, second.reply_to) == (None, first.id)
    assert second.minute - first.minute == pytest.approx(2, abs=0.01)


def test_an_exporters_text_is_read_without_its_head_foot_and_attachments() -> None:
    text = "\r\n".join(
        [
            RULE,
            "Guild: 一个服务器",
            "Channel: 文字 / 闲聊",
            RULE,
            "",
            "[11/27/2026 12:30 PM] 小明#1234 (pinned)",
            "周五吃火锅吗",
            "",
            "{Attachments}",
            "https://example.org/a.png",
            "",
            "{Reactions}",
            "👍 (3) 🎉",
            "",
            "[11/27/2026 12:32 PM] Ann Lee",
            "好呀，六点",
            "",
            "",
            RULE,
            "Exported 2 message(s)",
            RULE,
        ]
    )
    first, second = messages = read(text, "log.txt")
    assert told(messages) == LUNCH
    assert first.reactions == 4
    assert second.minute - first.minute == 2


def test_an_exporters_table_is_read() -> None:
    text = (
        "AuthorID,Author,Date,Content,Attachments,Reactions\n"
        '"5","小明","2026-11-27T12:30:00+00:00","周五吃火锅吗","","👍 (3),🎉 (1)"\n'
        '"6","Ann Lee","2026-11-27T12:32:00+00:00","好呀，六点","",""\n'
        '"6","Ann Lee","2026-11-27T12:33:00+00:00","","https://example.org/a.png",""\n'
    )
    messages = read(text, "log.csv")
    assert told(messages) == LUNCH
    assert messages[0].reactions == 4
    mine = "ID,Timestamp,Contents,Attachments\n1,2026-11-27 12:30:00.000000+00:00,周五吃火锅吗,\n"
    assert told(read(mine, "messages.csv")) == [("", "周五吃火锅吗")]


def test_discords_api_is_read_whose_newest_message_comes_first() -> None:
    rows = [
        {
            "id": "13",
            "type": 19,
            "content": "好呀，六点",
            "timestamp": "2026-11-27T12:32:00+00:00",
            "author": {"id": "6", "username": "ann", "global_name": "Ann Lee"},
            "message_reference": {"message_id": "10"},
        },
        {"id": "12", "type": 7, "content": "", "author": {"username": "new"}},
        {"id": "11", "type": 0, "content": "hi", "author": {"username": "b", "bot": True}},
        {
            "id": "10",
            "type": 0,
            "content": "周五吃火锅吗",
            "timestamp": "2026-11-27T12:30:00+00:00",
            "author": {"id": "5", "username": "小明"},
            "reactions": [{"count": 2}],
        },
    ]
    first, second = messages = read(json.dumps(rows), "messages.json")
    assert told(messages) == LUNCH
    assert first.reactions == 2
    assert second.reply_to == first.id == "1"


def test_other_programs_exports_are_read() -> None:
    telegram = {
        "name": "闲聊",
        "messages": [
            {"id": 1, "type": "service", "action": "create_group", "text": "x"},
            {
                "id": 2,
                "type": "message",
                "date": "2026-11-27T12:30:00",
                "from": "小明",
                "text": "周五吃火锅吗",
            },
            {
                "id": 3,
                "type": "message",
                "date": "2026-11-27T12:32:00",
                "from": "Ann Lee",
                "reply_to_message_id": 2,
                "text": ["好呀", {"type": "bold", "text": "，六点"}],
            },
        ],
    }
    slack = [
        {"type": "message", "user": "小明", "text": "周五吃火锅吗", "ts": "1795782600.000100"},
        {"type": "message", "user": "Ann Lee", "text": "好呀，六点", "ts": "1795782720.000200"},
        {"type": "message", "bot_id": "B1", "text": "beep", "ts": "1795782730.000300"},
    ]
    for export in (telegram, slack):
        messages = read(json.dumps(export))
        assert told(messages) == LUNCH
        assert messages[1].minute - messages[0].minute == pytest.approx(2, abs=0.01)


def test_a_table_of_something_else_is_an_article() -> None:
    text = "id,price\n1,2\n2,3\n"
    assert told(read(text, "a.csv"))[0] == ("", "id,price")


def test_of_markdown_the_words_are_read() -> None:
    lines = ["# 标题在这里", "", "> 引用的话", "- **要点**一，见[说明](https://example.org)", "1. `代码`也是"]
    text = "\n".join([*lines, "---", "```", "x = 1", "```"])
    joined = "".join(message.text for message in read(text, "文章.md"))
    assert joined == "标题在这里引用的话要点一，见说明代码也是x = 1"
    assert "# 标题在这里" in read(text, "文章.txt")[0].text


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.text(max_size=5) | st.dictionaries(st.just("text"), st.text(max_size=5)), max_size=3),
    st.dictionaries(st.sampled_from(["name", "isBot", "messageId", "count"]), st.text() | st.integers()),
)
FIELDS = ["id", "type", "text", "content", "author", "time", "minute", "timestamp", "reactions", "reference"]


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES), max_size=6))
def test_any_records_are_messages_or_nothing(records: list[dict[str, Any]]) -> None:
    messages = messages_of(records)
    assert [message.id for message in messages] == [str(place) for place in range(1, len(messages) + 1)]
    for message in messages:
        assert message.text.strip()
        assert message.reactions >= 0
        assert message.minute == message.minute, "a number"
        message.text.encode()
