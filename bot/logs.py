"""Reads what people paste, upload or attach to be summarised: a chat log or an article.

Knows: the shapes chat logs come in (exports, JSON lines, `name: text`, a name and a time above the text)
and how an article is cut into passages. Does not know: summaries, uploads, pages, Discord; what exports
call their fields (`bot.log_exports`).

Of a log or an article that was pasted no line is lost: each one that is not blank stands in some message,
unless it is the line that names who speaks and when.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from bot.log_exports import exporter_text, is_message, messages_of, table
from engine import BadFile, Message

_CLOCK = (
    r"(?P<hour>[01]?\d|2[0-3])[:：](?P<minute>[0-5]\d)(?:[:：][0-5]\d)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_DATE = r"\d{1,4}[-/.年]\d{1,2}(?:[-/.月]\d{1,4}日?)?"
_DAY = rf"(?:(?:{_DATE}|昨天|今天|Today(?: at)?|Yesterday(?: at)?)[ ,，T]*)?"
_STAMP = rf"{_DAY}{_CLOCK}"
_NAME = r"(?P<name>[^\s:：\[\](（<>，。！？；、,!?;“”\"][^:：\[\]<>，。！？；、,!?;“”\"\n]{0,31}?)"
_WHEN = rf"(?:[\[(（【]?{_STAMP}[\])）】]?[\s,-]*)?"
_SAID = (
    re.compile(rf"^{_WHEN}<{_NAME}>\s*[:：]?(?=\s*\S)"),
    re.compile(rf"^{_WHEN}(?!\d+[:：]\d)【?{_NAME}】?\s*[:：](?!//)(?=\s*\S)"),
)
"""The beginning of a line that names its speaker before the words."""
_HEADED = (
    re.compile(rf"^[\[(（]?{_STAMP}[\])）]?\s+<?{_NAME}>?\s*[:：]?\s*$"),
    re.compile(rf"^{_NAME}\s*(?:[—–-]+\s*|\s)[\[(（]?{_STAMP}[\])）]?\s*[:：]?\s*$"),
)
"""A line of a name and a time, above the words."""
_SENTENCE_END = re.compile(
    r"(?<=[。！？!?…])(?![。！？!?….”’」』）)])|(?<=[.])(?=\s+[A-Z])|(?<=[。！？!?…][”’」』）)])"
)
_HEAD = 160
"""Characters of a line that are looked at for names and times; bounds the patterns' work."""
_LOG_SHARE = 0.6
"""Share of lines that must look like speech before a text is read as a log."""
_PASSAGE = 30
"""Characters a passage of an article has at least, unless its paragraph ends."""


_MARKS = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|(?:[-*+]|\d{1,3}[.)])\s+|(?:[-*_]\s?){3,}$|```.*$)+")
_LINKED = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\s]{1,500}\)")
_STRONG = re.compile(r"(\*\*|__|``?)(?=\S)(.{1,300}?)(?<=\S)\1")
"""Markdown: what stands before a line, links and pictures, bold and code."""


def read(text: str, file: str = "") -> list[Message]:
    """The messages of a text, oldest first, each with its place from 1 on as its id. `minute` counts from
    the first time named, or is the place in the text where no times are. Of a file named .md marks are
    left out.

    Raises BadFile for a text that is JSON lines in part, naming the line.
    """
    text = _characters(text).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip()[:1] in ("{", "["):
        records = list(_records(text, file))
        if records:
            return messages_of(records)
    exported = exporter_text(text) or table(text)
    if exported:
        return messages_of(exported)
    if PurePosixPath(file.lower()).suffix in (".md", ".markdown"):
        text = "\n".join(map(_unmarked, text.split("\n")))
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    headed = sum(1 for line in lines if _match(_HEADED, line))
    said = sum(1 for line in lines if _match(_SAID, line) and not _match(_HEADED, line))
    if headed >= 2 and headed >= said:
        return _log(lines, _HEADED) or _article(text)
    if said >= 2 and said >= _LOG_SHARE * len(lines):
        return _log(lines, _SAID)
    return _article(text)


def _match(patterns: tuple[re.Pattern[str], ...], line: str) -> re.Match[str] | None:
    if patterns is _HEADED and len(line) > _HEAD:
        return None
    head = line[:_HEAD]
    return next((found for pattern in patterns if (found := pattern.match(head))), None)


def _characters(text: str) -> str:
    """The text without what is no character: NUL and lone surrogates (JSON can spell them)."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


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
        yield from (row for row in whole if is_message(row))
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
        if is_message(row):
            rows.append(row)
    yield from rows


def _unmarked(line: str) -> str:
    line = _LINKED.sub(r"\1", _MARKS.sub("", line))
    return _STRONG.sub(r"\2", line)


def _log(lines: list[str], named: tuple[re.Pattern[str], ...]) -> list[Message]:
    """Lines of a log: who speaks is named in the line or above it; other lines go on with what was said."""
    messages: list[Message] = []
    author, clock, days, open_ended = "", 0, 0, False
    for line in lines:
        found = _match(named, line)
        text = line
        if found is not None:
            author, open_ended = found["name"].strip(), False
            if found["hour"] is not None:
                at = _clock(found)
                days += at < clock  # past midnight
                clock = at
            text = line[found.end() :].strip()
        if not text:
            continue
        if open_ended and found is None:
            last = messages.pop()
            author, text = last.author, f"{last.text}\n{text}"
        messages.append(Message(str(len(messages) + 1), author, text, float(days * 1440 + clock)))
        open_ended = True
    return messages


def _clock(found: re.Match[str]) -> int:
    """Minutes since midnight."""
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    return hour * 60 + int(found["minute"])


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
