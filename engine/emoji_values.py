"""What the emoji of reactions are worth on one server, as moderators write it down.

Knows: which texts are an emoji (of Unicode in any skin tone, or a server's own by its id), the name that a
judgement keeps of it, how a table is typed and spelt. Does not know: who may change a table, or Discord.

    emoji_values_in("❤️ 1\n<:meh:123456789012345678> -0.5")     the table that somebody typed
    emoji_label("👍🏽")                                           "👍": what a judgement keeps
"""

from __future__ import annotations

import re
import unicodedata

from engine.errors import BadEmoji, TooManyEmoji

EmojiValues = tuple[tuple[str, float], ...]
"""Emoji as they were typed, each with its value in [-1, 1]."""

USUAL_EMOJI: EmojiValues = (("👍", 1.0), ("👎", -1.0))
MOST_EMOJI = 20
_SHOWN = 40
"""Characters of a line that an error repeats."""

_OWN = re.compile(r"<a?:\w{1,32}:(\d{15,20})>|(\d{15,20})")
_VARIANTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]")
# by blocks: emoji are younger than the tables of Python's unicodedata
_ONE = (
    "(?:[\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff\u00a9\u00ae\u203c\u2049\u2122\u2139"
    "\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299]|[0-9#*]\u20e3)"
)
_UNICODE = re.compile(f"{_ONE}(?:\u200d{_ONE})*[\U000e0020-\U000e007f]{{0,8}}|[\U0001f1e6-\U0001f1ff]{{2}}")
_LINE = re.compile(r"(\S+)(?:\s*[=＝]\s*|\s+)(\S+)")
_NUMBER = re.compile(r"[+-]?(?:0?\.\d{1,2}|[01](?:\.\d{1,2})?)")


def emoji_label(emoji: str) -> str:
    """The name of an emoji that stays: its id, or its characters without skin tone; "" for another text."""
    own = _OWN.fullmatch(emoji)
    if own is not None:
        return own[1] or own[2]
    plain = _VARIANTS.sub("", emoji)
    return plain if _UNICODE.fullmatch(plain) else ""


def emoji_values_in(typed: str) -> EmojiValues:
    """The table that a moderator typed, an emoji and its value a line; nothing typed: the usual one.

    Of an emoji that is named twice, the last value holds. Raises BadEmoji and TooManyEmoji.
    """
    found: dict[str, tuple[str, float]] = {}
    for line in filter(None, map(str.strip, typed.splitlines())):
        parts = _LINE.fullmatch(line)
        label = "" if parts is None else emoji_label(parts[1])
        number = "" if parts is None else unicodedata.normalize("NFKC", parts[2]).replace("\u2212", "-")
        if parts is None or not label or not _NUMBER.fullmatch(number) or not -1 <= float(number) <= 1:
            raise BadEmoji(line=line[:_SHOWN])
        found[label] = (parts[1], float(number) + 0.0)  # no -0
    if len(found) > MOST_EMOJI:
        raise TooManyEmoji(have=len(found), most=MOST_EMOJI)
    return tuple(found.values()) or USUAL_EMOJI


def emoji_values_text(values: EmojiValues, between: str = "\n") -> str:
    """The table as it is typed; a bare id as Discord draws it."""
    return between.join(f"{_drawn(emoji)} {value:g}" for emoji, value in values)


def _drawn(emoji: str) -> str:
    return f"<:emoji:{emoji}>" if emoji.isdigit() else emoji
