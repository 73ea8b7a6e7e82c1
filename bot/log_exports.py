"""Messages from what chat programs write when a channel is exported: records of JSON and CSV, Discord's too.

Knows: what DiscordChatExporter (JSON, CSV, text), Discord's own data package and API, Telegram and Slack call
the parts of a message; which rows are no message of a person's. Does not know: logs that people paste
(`bot.logs`), files, summaries.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engine import Message, whole_characters

Record = Mapping[str, Any]

_TEXT = ("text", "content", "contents")
_TIME = ("minute", "time", "timestamp", "date", "ts")
_AUTHOR = ("author", "from", "user", "username", "name")
_NAME = ("nickname", "global_name", "display_name", "displayname", "name", "username", "real_name")
_REPLY = ("reply_to", "reply_to_message_id")
_SAID = frozenset(("default", "reply", "threadstartermessage", "message", "chat", "text", ""))
"""Types of messages that people write, as exports spell them; Discord's API has numbers."""
_SAID_NUMBERS = frozenset((0, 19, 21))
_MILLISECONDS = 1e11
"""A time that is a larger number counts milliseconds, not seconds."""

_RULE = "=" * 62
"""The line above and below the head of DiscordChatExporter's text."""
_HEAD = re.compile(r"^\[(?P<time>[^\]\n]{4,60})\] (?P<author>[^\n]{1,100}?)(?: \(pinned\))?$", re.MULTILINE)
_BLOCK = re.compile(
    r"^\{(?P<what>Attachments|Embed|Stickers|Reactions)\}\n(?P<body>(?:.+\n?)*)", re.MULTILINE
)
_REACTIONS = re.compile(r"[^\s,()]+(?: \((?P<count>\d{1,6})\))?")
_DATES = (
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%d-%b-%y %I:%M %p",
    "%Y/%m/%d %H:%M",
)


def is_message(row: object) -> bool:
    """Whether a JSON value is an object that holds words."""
    return isinstance(row, dict) and _said(_lower(row)) is not None


def table(text: str) -> list[Record]:
    """The rows of a CSV whose head names a column of words beside one of authors or times; else none."""
    head = text[: text.find("\n")] if "\n" in text else ""
    names = [name.strip().strip('"').lower() for name in head.split(",")]
    if not set(names) & set(_TEXT) or not set(names) & {*_AUTHOR, *_TIME}:
        return []
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error:
        return []
    return [dict(zip(names, row, strict=False)) for row in rows[1:]]


def exporter_text(text: str) -> list[Record]:
    """The messages of DiscordChatExporter's text format; none where a text is something else."""
    if not text.startswith(f"{_RULE}\nGuild: "):
        return []
    _, _, body = text[len(_RULE) :].partition(_RULE)
    body = body.rpartition(f"{_RULE}\nExported ")[0] or body
    heads = list(_HEAD.finditer(body))
    ends = [head.start() for head in heads[1:]] + [len(body)]
    rows: list[Record] = []
    for head, end in zip(heads, ends, strict=True):
        said = body[head.end() : end]
        reactions = "".join(block["body"] for block in _BLOCK.finditer(said) if block["what"] == "Reactions")
        text_ = _BLOCK.sub("", said).strip()
        rows.append({"time": head["time"], "author": head["author"], "text": text_, "reactions": reactions})
    return rows


def messages_of(records: Sequence[Record]) -> list[Message]:
    """What people wrote, oldest first; bots, joins and the like, and empty rows are left out.

    Each message has an id of its own, its place from 1 on.
    """
    rows = [row for row in map(_lower, records) if _is_a_persons(row)]
    timed = [(_minute(row), row) for row in rows]
    # where times are missing the order of the file is all there is
    if all(minute is not None for minute, _ in timed):
        timed.sort(key=lambda each: each[0] or 0.0)
    ids = {str(row["id"]): str(place) for place, (_, row) in enumerate(timed, 1) if "id" in row}
    return [
        Message(
            id=str(place),
            author=_author(row),
            text=_said(row) or "",
            minute=float(place) if minute is None else minute,
            reply_to=ids.get(_reply(row)),
            reactions=_reactions(row.get("reactions")),
        )
        for place, (minute, row) in enumerate(timed, 1)
    ]


def _lower(row: Record) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in row.items()}


def _said(row: Record) -> str | None:
    """The words of a record, None where it has no such field. Telegram's come in pieces."""
    for name in _TEXT:
        value = row.get(name)
        if isinstance(value, list):
            value = "".join(_pieces(value))
        if isinstance(value, str):
            return _characters(value)
    return None


def _pieces(value: list[Any]) -> Iterator[str]:
    for piece in value:
        if isinstance(piece, dict):
            piece = piece.get("text", "")
        yield piece if isinstance(piece, str) else ""


def _characters(text: str) -> str:
    return whole_characters(text.replace("\0", "")).replace("\ufffd", "").strip()


def _is_a_persons(row: Record) -> bool:
    author, kind = row.get("author"), row.get("type", "")
    if isinstance(author, dict) and (author.get("isBot") or author.get("bot")):
        return False
    if row.get("webhook_id") or row.get("bot_id"):
        return False
    is_said = kind in _SAID_NUMBERS if isinstance(kind, int) else str(kind or "").lower() in _SAID
    return is_said and bool(_said(row))


def _author(row: Record) -> str:
    value = next((row[name] for name in _AUTHOR if row.get(name)), "")
    if isinstance(value, dict):
        value = next((value[name] for name in _NAME if value.get(name)), "")
    return re.sub(r"#\d{1,4}$", "", _characters(value)) if isinstance(value, str) else ""


def _reply(row: Record) -> str:
    for name in ("reference", "message_reference"):
        link = row.get(name)
        if isinstance(link, dict):
            return str(link.get("messageId", link.get("message_id", "")))
    return str(next((row[name] for name in _REPLY if row.get(name) is not None), ""))


def _reactions(value: object) -> int:
    """How many: of a number, of a list of emoji with counts, of `👍 (3) 🎉`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, value)
    if isinstance(value, list):
        counts = [each.get("count", 1) for each in value if isinstance(each, dict)]
        return sum(count for count in counts if isinstance(count, int) and count > 0)
    if isinstance(value, str):
        return sum(int(found["count"] or 1) for found in _REACTIONS.finditer(value))
    return 0


def _minute(row: Record) -> float | None:
    """Minutes from some origin: a `minute` as it is, other times since 1970; None where there is none."""
    for name in _TIME:
        value = row.get(name)
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
            value = float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            if name == "minute":
                return float(value)
            return value / 60_000 if abs(value) > _MILLISECONDS else value / 60
        if isinstance(value, str) and (when := _when(value.strip())) is not None:
            return when.timestamp() / 60
    return None


def _when(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = next(filter(None, (_read(text, shape) for shape in _DATES)), None)  # type: ignore[assignment]
    if found is None:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if 1 < found.year < 9999 else None


def _read(text: str, shape: str) -> datetime | None:
    try:
        return datetime.strptime(text, shape).replace(tzinfo=UTC)
    except ValueError:
        return None
