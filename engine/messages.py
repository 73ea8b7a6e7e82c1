"""A channel's messages from JSON lines, for `summarize` on the command line.

Knows: the format {"id", "author", "text", "minute" or "time", "reply_to"?, "reactions"?, "replies"?} and how
to complain about it.
Does not know: how messages are summarised, or where else they come from.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import BadFile
from engine.values import Message

Identity = str | int


def read_messages(lines: Sequence[str], name: str) -> tuple[list[Message], dict[str, Identity]]:
    """The messages in the file's order, and each id as the file spells it (a number stays a number).

    `time` is ISO 8601, HH:MM, or seconds since 1970; `minute` is a number. Without either, messages
    are one minute apart. Blank lines are skipped. Raises BadFile with the line's number.
    """
    messages: list[Message] = []
    identities: dict[str, Identity] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadFile(file=name, reason=f"line {number} is not JSON") from error
        if not isinstance(row, dict):
            raise BadFile(file=name, reason=f"line {number} is not a JSON object")
        try:
            message, identity = _message(row, len(messages))
        except _BadKey as error:
            raise BadFile(file=name, reason=f"line {number}: {error}") from error
        if message.id in identities:
            raise BadFile(file=name, reason=f"line {number}: the id {message.id} was there before")
        identities[message.id] = identity
        messages.append(message)
    return messages, identities


class _BadKey(ValueError):
    """Says which key is wrong and what it should be."""


def _message(row: Mapping[str, Any], position: int) -> tuple[Message, Identity]:
    identity = row.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise _BadKey("id must be a string or a whole number")
    texts = {key: row.get(key, "") for key in ("author", "text")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise _BadKey(f"{key} must be a string")
    reply_to = row.get("reply_to")
    minute = _minute(row, position)
    answered = None if reply_to is None else str(reply_to)
    reactions, replies = _count(row, "reactions"), _count(row, "replies")
    message = Message(str(identity), texts["author"], texts["text"], minute, answered, reactions, replies)
    return message, identity


def _count(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _BadKey(f"{key} must be a whole number from 0 on")
    return value


def _minute(row: Mapping[str, Any], position: int) -> float:
    minute, time = row.get("minute"), row.get("time")
    for key, value, scale in (("minute", minute, 1.0), ("time", time, 60.0)):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) / scale
        if value is not None and not isinstance(value, str):
            raise _BadKey(f"{key} must be a number" + (" or a time" if key == "time" else ""))
    if minute is None and time is None:
        return float(position)
    text = str(minute if minute is not None else time)
    if clock := re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return hours * 60 + minutes + seconds / 60
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise _BadKey(f"{text!r} is no time; write it as 2024-05-01T09:30 or 09:30") from error
    return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp() / 60
