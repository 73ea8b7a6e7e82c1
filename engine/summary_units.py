"""Messages → units: what a summary chooses from.

Knows: what carries no news (greetings, emoji, bare links, bot commands, repeats), how fragments of
one author belong together, how long prose falls into sentences.
Does not know: what is important.

The text of a unit always stands in its messages: it is one message's text, a sentence of it, or
whole neighbouring messages of one author joined by one space.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from engine.text import sentences
from engine.values import Message

LONGEST = 220  # characters of a unit's text; longer prose is cut into sentences, a longer word cut
_ARTICLE = 130  # a message of more characters is read sentence by sentence
_JOINED = 120  # characters up to which fragments are joined
_MINUTES = 2.0  # between fragments of one thought

_LINK = re.compile(r"https?://\S+|www\.\S+")
_MARKUP = re.compile(r"<(?:@[!&]?|#|a?:\w+:|t:|/[\w -]+:)[\d:A-Za-z]*>|:[a-z_0-9+-]{2,32}:")
_COMMAND = re.compile(r"^[!/.?$%&+;>~-]{1,2}[A-Za-z一-鿿][\w一-鿿-]*(?:\s|$)")
_WORD = re.compile(r"[^\W_]", re.UNICODE)
_LAUGH = re.compile(
    r"哈{2,}|嘿{2,}|呵{2,}|嘻{2,}|h{3,}|233+|笑(?:死|哭|不活|疯)了?我?|[hx]a(?:ha)+h?|lo+l+|lma+o+|rofl|xd+|草{1,3}$",
    re.I,
)
# stands in all laughter; without letter case it is found in a tenth of the time
_LAUGHING = re.compile(r"哈哈|嘿嘿|呵呵|嘻嘻|hhh|233|笑|aha|lo|lma|rofl|xd|草")
_FEW_LETTERS = 12  # different characters; only so few can be one letter again and again


@cache
def cues() -> dict[str, dict[str, str]]:
    """`facts/summary-cues.toml`."""
    return tomllib.loads((resources.files("engine.facts") / "summary-cues.toml").read_text("utf-8"))


_EMPTY = re.compile(cues()["nothing"]["said"])


@dataclass(frozen=True, slots=True)
class Unit:
    """A candidate point. `messages` are positions in the list given, `part` which sentence of it."""

    text: str
    author: str
    minute: float
    messages: tuple[int, ...]
    part: int = 0


def words_of(text: str) -> str:
    """The text without links, mentions, custom emoji and laughter: what is said."""
    if "://" in text or "www." in text:
        text = _LINK.sub("", text)
    if "<" in text or ":" in text:
        text = _MARKUP.sub("", text)
    if _LAUGHING.search(text.lower()):
        text = _LAUGH.sub("", text)
    return text.strip()


def is_noise(text: str) -> bool:
    """True when nothing is said: empty, emoji or links alone, a bot command, a greeting, a bare yes."""
    if _COMMAND.match(text.strip()):
        return True
    said = words_of(text)
    if not _WORD.search(said):
        return True
    if len(set(said)) <= _FEW_LETTERS and len(set(letters := _WORD.findall(said))) == 1 < len(letters):
        return True
    bare = re.sub(r"[^\w\s]+|_", " ", said).strip().lower()
    parts = [part for part in bare.split("  ") if part] or [bare]
    return all(_EMPTY.fullmatch(part.strip()) for part in parts)


def _cut(text: str) -> str:
    """At most LONGEST characters from the start of the text, at a boundary where there is one."""
    text = text.strip()
    if len(text) <= LONGEST:
        return text
    head = text[:LONGEST]
    gaps = [found.end() for found in re.finditer(r"[，,、；;：:\s]", head)]
    return (head[: gaps[-1]] if gaps and gaps[-1] > LONGEST // 2 else head).strip(" ，,、；;：:")


def units(messages: Sequence[Message]) -> list[Unit]:
    """The units of the messages, in order. Each text is kept once: a repeated line is no news."""
    found: list[Unit] = []
    seen: set[tuple[str, str]] = set()
    index = 0
    while index < len(messages):
        run = _run(messages, index)
        first = messages[index]
        text = " ".join(messages[i].text.strip() for i in run)
        parts = [text]
        if len(run) == 1 and len(text) > _ARTICLE:
            parts = [part.strip() for part in sentences(text)]
        for number, part in enumerate(parts):
            part = _cut(part)
            key = (first.author if len(part) < 12 else "", re.sub(r"\W+", "", part).lower())
            if not part or key in seen or is_noise(part):
                continue
            seen.add(key)
            found.append(Unit(part, first.author, first.minute, tuple(run), number))
        index = run[-1] + 1
    return found


def _run(messages: Sequence[Message], start: int) -> list[int]:
    """The message at `start` with the fragments that its author sent right after."""
    run = [start]
    length = len(messages[start].text)
    while run[-1] + 1 < len(messages):
        last, following = messages[run[-1]], messages[run[-1] + 1]
        length += 1 + len(following.text)
        if (
            following.author != last.author
            or following.reply_to is not None
            or following.minute - last.minute > _MINUTES
            or length > _JOINED
            or not last.text.strip()
            or is_noise(last.text)
            or is_noise(following.text)
            or re.search(r"[。！？!?.…]\s*$", last.text)
        ):
            break
        run.append(run[-1] + 1)
    return run
