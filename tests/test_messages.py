"""engine/messages.py: JSON lines become messages, and a wrong line is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadFile
from engine.messages import read_messages
from engine.values import Message


def test_a_number_stays_a_number_among_the_identities() -> None:
    lines = [
        '{"id": 7, "author": "甲", "text": "在吗", "minute": 3}',
        "",
        '{"id": "x", "author": "乙", "text": "在", "minute": 3.5, "reply_to": 7}',
    ]
    messages, identities = read_messages(lines, "log")
    assert messages == [Message("7", "甲", "在吗", 3.0), Message("x", "乙", "在", 3.5, "7")]
    assert identities == {"7": 7, "x": "x"}


@pytest.mark.parametrize(
    ("value", "minute"),
    [
        ('"time": "09:30"', 570.0),
        ('"time": "09:30:30"', 570.5),
        ('"time": 120', 2.0),
        ('"time": "1970-01-01T00:05:00Z"', 5.0),
        ('"time": "1970-01-01 00:05"', 5.0),
        ('"time": "1970-01-01T08:05:00+08:00"', 5.0),
        ('"minute": "01:00"', 60.0),
        ('"minute": 2, "time": 600', 2.0),
        ('"other": 1', 0.0),
    ],
)
def test_times_come_in_several_spellings(value: str, minute: float) -> None:
    messages, _ = read_messages([f'{{"id": 1, "author": "a", "text": "b", {value}}}'], "log")
    assert messages[0].minute == minute


def test_without_times_messages_are_a_minute_apart() -> None:
    lines = [json.dumps({"id": n, "text": "b"}) for n in range(3)]
    assert [message.minute for message in read_messages(lines, "log")[0]] == [0.0, 1.0, 2.0]


def test_reactions_and_answers_elsewhere_are_counted() -> None:
    lines = ['{"id": 1, "text": "b", "reactions": 4, "replies": 2}']
    [message] = read_messages(lines, "log")[0]
    assert (message.reactions, message.replies) == (4, 2)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2 is not a JSON object"),
        ('{"text": "a"}', "line 2: id must be"),
        ('{"id": true, "text": "a"}', "line 2: id must be"),
        ('{"id": 2, "text": 5}', "line 2: text must be a string"),
        ('{"id": 2, "author": null}', "line 2: author must be a string"),
        ('{"id": 2, "text": "a", "time": "soon"}', "line 2: 'soon' is no time"),
        ('{"id": 2, "text": "a", "minute": []}', "line 2: minute must be a number"),
        ('{"id": 2, "text": "a", "reactions": -1}', "line 2: reactions must be a whole number"),
        ('{"id": 2, "text": "a", "replies": true}', "line 2: replies must be a whole number"),
        ('{"id": 1, "text": "a"}', "line 2: the id 1 was there before"),
    ],
)
def test_a_wrong_line_is_named(line: str, reason: str) -> None:
    with pytest.raises(BadFile) as caught:
        read_messages(['{"id": 1, "text": "a"}', line], "log.jsonl")
    assert caught.value.fields["file"] == "log.jsonl"
    assert str(caught.value.fields["reason"]).startswith(reason)


@given(
    st.dictionaries(
        st.sampled_from(["id", "author", "text", "minute", "time", "reply_to", "reactions"]),
        st.text() | st.none() | st.integers() | st.floats(),
    )
)
def test_any_object_is_a_message_or_is_named(row: dict[str, object]) -> None:
    try:
        messages, identities = read_messages([json.dumps(row)], "log")
    except BadFile:
        return
    assert list(identities) == [messages[0].id] == [str(row["id"])]
