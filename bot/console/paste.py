"""Reads what people paste or upload to be summarised: a chat log or an article.

Knows: the shapes chat logs come in (JSON lines, `name: text`, a name and a time above the text) and
how an article is cut into passages. Does not know: summaries, uploads, pages.

Whatever it is given, no line is lost: each one that is not blank stands in some message, unless it
is the line that names who speaks and when.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from engine import BadFile, Message

_CLOCK = (
    r"(?P<hour>[01]?\d|2[0-3])[:：](?P<minute>[0-5]\d)(?:[:：][0-5]\d)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_DATE = r"\d{1,4}[-/.年]\d{1,2}(?:[-/.月]\d{1,4}日?)?"
_DAY = rf"(?:(?:{_DATE}|昨天|今天|Today(?: at)?|Yesterday(?: at)?)[ ,，T]*)?"
_STAMP = rf"{_DAY}{_CLOCK}"
_NAME = r"(?P<name>[^\s:：\[\](（<>][^:：\[\]<>\n]{0,31}?)"
_SAID = re.compile(
    rf"^(?:[\[(（【]?{_STAMP}[\])）】]?[\s,-]*)?[<【]?{_NAME}[>】]?\s*[:：](?!//)\s*(?P<text>\S.*)$"
)
_STAMPED = re.compile(rf"^[\[(（]?{_STAMP}[\])）]?\s+[<]?{_NAME}[>]?\s*[:：]?\s*$")
_HEADED = re.compile(rf"^{_NAME}\s*(?:[—–-]+\s*|\s)[\[(（]?{_STAMP}[\])）]?\s*[:：]?\s*$")
_SENTENCE_END = re.compile(
    r"(?<=[。！？!?…])(?![。！？!?….”’」』）)])|(?<=[.])(?=\s+[A-Z])|(?<=[。！？!?…][”’」』）)])"
)
_LOG_SHARE = 0.6
"""Share of lines that must look like speech before a text is read as a log."""
_PASSAGE = 40
"""Characters a passage of an article has at least, unless its paragraph ends."""


def read(text: str, file: str = "") -> list[Message]:
    """The messages of a text, oldest first, each with an id of its own. `minute` counts from the
    first time named, or is the place in the text where no times are.

    Raises BadFile for a text that is JSON lines in part, naming the line.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip()[:1] in ("{", "["):
        records = list(_records(text, file))
        if records:
            return _messages_of(records)
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    headed = sum(1 for line in lines if _HEADED.match(line) or _STAMPED.match(line))
    said = sum(1 for line in lines if _SAID.match(line))
    if headed >= 2 and headed * 2 + said >= _LOG_SHARE * len(lines):
        return _log(lines)
    if said >= 2 and said >= _LOG_SHARE * len(lines):
        return _log(lines)
    return _article(text)


def _records(text: str, file: str) -> Iterator[dict[str, Any]]:
    """JSON objects with a `text`: one a line, or all in one list. Nothing where it is not JSON."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    except RecursionError as error:
        raise BadFile(file=file or "JSON", reason="it is nested too deeply") from error
    if isinstance(whole, dict):
        whole = whole.get("messages", [whole])
    if isinstance(whole, list):
        yield from (row for row in whole if _has_text(row))
        return
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            if rows:
                raise BadFile(file=file or "JSON", reason=f"line {number} is not JSON") from error
            return
        if _has_text(row):
            rows.append(row)
    yield from rows


def _has_text(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("text", row.get("content")), str)


def _messages_of(records: list[dict[str, Any]]) -> list[Message]:
    messages: list[Message] = []
    ids: dict[str, str] = {}
    for place, row in enumerate(records):
        text = str(row.get("text", row.get("content"))).strip()
        if not text:
            continue
        author = row.get("author", "")
        if isinstance(author, dict):
            author = author.get("name", "")
        identity = str(len(messages) + 1)
        reply = row.get("reply_to")
        messages.append(
            Message(
                id=identity,
                author=str(author or ""),
                text=text,
                minute=_minute(row.get("minute", row.get("time", row.get("timestamp"))), place),
                reply_to=None if reply is None else ids.get(str(reply)),
            )
        )
        ids[str(row.get("id", identity))] = identity
    return messages


def _minute(value: object, otherwise: float) -> float:
    """Minutes: a number as it is; a time of ISO 8601 since 1970; else `otherwise`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12:
        return float(value)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp() / 60
        except (ValueError, OverflowError, OSError):
            return otherwise
    return otherwise


def _log(lines: list[str]) -> list[Message]:
    """Lines of a log: who speaks is named in the line or above it; other lines go on."""
    messages: list[Message] = []
    author, minute, spoken, days = "", 0.0, False, 0.0
    last_clock = 0.0

    def at(found: re.Match[str]) -> float:
        nonlocal days, last_clock
        if found["hour"] is None:
            return messages[-1].minute if messages else 0.0
        hour = int(found["hour"])
        if found["half"]:
            hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
        clock = float(hour * 60 + int(found["minute"]))
        if clock < last_clock:
            days += 24 * 60
        last_clock = clock
        return days + clock

    def add(text: str) -> None:
        messages.append(Message(str(len(messages) + 1), author, text, minute))

    for line in lines:
        if found := _HEADED.match(line) or _STAMPED.match(line):
            author, minute, spoken = found["name"].strip(), at(found), False
        elif found := _SAID.match(line):
            author, minute, spoken = found["name"].strip(), at(found), True
            add(found["text"])
        elif spoken and messages:
            last = messages[-1]
            messages[-1] = Message(last.id, last.author, f"{last.text}\n{line}", last.minute)
        else:
            add(line)
            spoken = True
    return messages


def _article(text: str) -> list[Message]:
    """Passages of an article: sentences put together up to a length, never across a line end."""
    messages: list[Message] = []
    for line in text.split("\n"):
        passage = ""
        for sentence in _SENTENCE_END.split(line.strip()):
            passage += sentence
            if len(passage) >= _PASSAGE:
                messages.append(Message(str(len(messages) + 1), "", passage.strip(), float(len(messages))))
                passage = ""
        if passage.strip():
            messages.append(Message(str(len(messages) + 1), "", passage.strip(), float(len(messages))))
    return messages
