"""Splits a long text into messages: at sentence ends, never inside a fence, a link or a grapheme.

Knows: where a text may be cut and how good each place is. Does not know: Discord's library, people.

    split(text, limit=2000) -> list[str]

The laws (tests/test_splitting.py holds them against random texts):
    every part fits the limit and is not blank; parts joined are the text less white space at the cuts;
    a code fence that is too long for one message is closed and opened again, so no part has half of one;
    links, mentions and custom emoji are cut only when they alone exceed the limit, and so are graphemes.

Lengths are UTF-16 code units, as Discord's clients count; that is never less than code points.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LIMIT = 2000
FENCE = "```"

# One piece of text that is shown as a whole: markdown link, bare link, mention, emoji or command.
_WHOLE = (
    r"\[[^\[\]\n]{1,300}\]\(<?https?://[^\s()]+>?\)|<https?://[^\s<>]+>|https?://\S+|<[@#:/at][^\s<>]{1,100}>"
)
_FENCED = re.compile(r"```([\w+#.-]*\n)?(.*?)```", re.DOTALL)
_UNCUT = re.compile(rf"```.*?```|{_WHOLE}", re.DOTALL)
_CLOSING = "”’」』）)\\]\"'*_~|】》"
_SENTENCE_END = re.compile(f"[。！？!?…；][{_CLOSING}]*$")
_LATIN_END = re.compile(f"[.!?][{_CLOSING}]*\\s$")
_SOFT_END = re.compile(r"[\s,，、:：;—)）]$")

_ZERO_WIDTH_JOINER = "\u200d"
_WORST, _SOFT, _SENTENCE, _LINE, _PARAGRAPH = range(5)


def length(text: str) -> int:
    """UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The messages a text is sent as, in order. A blank text gives no message.

    Raises ValueError when `limit` leaves no room beside a fence's own marks.
    """
    if limit < 64:
        raise ValueError("the limit leaves no room for a code fence")
    if length(text.strip()) <= limit:
        return [text.strip()] if text.strip() else []
    parts: list[str] = []
    current = ""
    for piece in _pieces(text, limit):
        if length((current + piece).rstrip()) <= limit:
            current += piece
            continue
        rest = current + piece
        while length(rest.rstrip()) > limit:
            head, rest = _cut(rest, limit)
            parts.append(head)
        current = rest
    parts.append(current)
    return [part.strip() for part in parts if part.strip()]


def graphemes(text: str) -> Iterator[str]:
    """Clusters never finer than Unicode's extended graphemes; now and then two of them together."""
    start = 0
    flags = 0
    for index in range(1, len(text) + 1):
        flags = flags + 1 if _is_flag_letter(text[index - 1]) else 0
        if index == len(text) or _may_cut(text[index - 1], text[index], flags):
            yield text[start:index]
            start = index


def _may_cut(before: str, after: str, flags: int) -> bool:
    if after.isascii() and before.isascii():
        return (before, after) != ("\r", "\n")
    if before == _ZERO_WIDTH_JOINER or after == _ZERO_WIDTH_JOINER:
        return False
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False
    if "\U000e0020" <= after <= "\U000e007f" or after in "\u200c\uff9e\uff9f":
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        return flags % 2 == 0
    if unicodedata.combining(before) == 9:  # a virama joins the consonant after it
        return False
    if _is_jamo(before) and _is_jamo(after):
        return False
    # vowels of Thai and Lao, and format characters that stand before what they belong to
    return after not in "\u0e33\u0eb3" and unicodedata.category(before) != "Cf"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_jamo(character: str) -> bool:
    return (
        "\u1100" <= character <= "\u11ff"
        or "\ua960" <= character <= "\ua97c"
        or "\uac00" <= character <= "\ud7fb"
    )


def _pieces(text: str, limit: int) -> Iterator[str]:
    """The text as fences that fit one message each, and all the rest."""
    end = 0
    for fenced in _FENCED.finditer(text):
        yield text[end : fenced.start()]
        yield from _fences(fenced, limit)
        end = fenced.end()
    yield text[end:]


def _fences(fenced: re.Match[str], limit: int) -> Iterator[str]:
    if length(fenced.group()) <= limit:
        yield fenced.group()
        return
    head, body = fenced[1] or "\n", fenced[2]
    if length(head) > 32:  # no language has such a name: it is the first line
        head, body = "\n", head + body
    room = limit - length(FENCE + head + "\n" + FENCE)
    while length(body) > room:
        first, body = _cut(body, room)
        if first.strip():
            yield f"{FENCE}{head}{first}\n{FENCE}"
    if body.strip():
        yield f"{FENCE}{head}{body}\n{FENCE}"


def _units(text: str) -> Iterator[str]:
    """What is never cut: fences, links and their like, graphemes."""
    end = 0
    for whole in _UNCUT.finditer(text):
        yield from graphemes(text[end : whole.start()])
        yield whole.group()
        end = whole.end()
    yield from graphemes(text[end:])


def _cut(text: str, limit: int) -> tuple[str, str]:
    """The longest good beginning within `limit`, and the rest."""
    best: dict[int, int] = {}
    position = _fill(_units(text), limit, best, text)
    # a message for a word or two would be waste: a good cut leaves at least an eighth in the first part
    for quality in (_PARAGRAPH, _LINE, _SENTENCE, _SOFT, _WORST):
        at = best.get(quality, 0)
        if at > position // 8:
            return text[:at].rstrip(), text[at:].lstrip("\n")
    # the first unit alone is too long: a link is cut between graphemes, a grapheme between characters
    at = _fill(graphemes(text), limit, {}, text) or _fill(iter(text), limit, {}, text)
    return text[:at], text[at:]


def _fill(units: Iterator[str], limit: int, best: dict[int, int], text: str) -> int:
    """How much of `text` fits; `best` gets the last place of every quality on the way."""
    used = position = 0
    for unit in units:
        used += length(unit)
        if used > limit:
            break
        position += len(unit)
        best[_quality(text[max(0, position - 12) : position], text[position : position + 1])] = position
    return position


def _quality(before: str, after: str) -> int:
    if before[-1].isalnum():
        return _WORST  # by far the most frequent place
    if before.endswith("\n"):
        return _PARAGRAPH if before.endswith("\n\n") else _LINE
    if after and after in _CLOSING:
        return _WORST
    if _SENTENCE_END.search(before) or _LATIN_END.search(before):
        return _SENTENCE
    return _SOFT if _SOFT_END.search(before) else _WORST
