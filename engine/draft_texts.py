"""The texts of a reply's drafts as bytes: deflated, with a dictionary of what drafts often say.

One byte says how, then follows deflated text, the drafts apart by NUL:

    0  GBK, which gives a Han character two bytes                1  UTF-8
    2  GB18030, with the dictionary `facts/drafts-zh.txt`        3  UTF-8, with `facts/drafts-en.txt`

Drafts are short, and what they share with each other is less than what they share with all that Moyou says:
a dictionary takes a quarter off Chinese texts that it was not made from, near half off English ones. The
first two were written before there were dictionaries; where one takes nothing off, it costs a few bytes.

Knows: these four forms, both ways, and the two files (`facts.make_drafts` made them). Does not know: drafts'
numbers, what else a reply has.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import cache

from engine import facts
from engine.draft_bytes import Unusual

CHINESE, ENGLISH = "drafts-zh.txt", "drafts-en.txt"
"""The dictionaries. Never edited once released: what was kept with them could not be read."""
MEMORY = 5
"""Of deflate (zlib's memLevel): less to copy for each reply; texts as short as these come out the same."""
WINDOW = 32_768 - 262
"""Bytes of a dictionary that deflate reaches back over."""

_GBK, _UTF8, _GB18030_SHARED, _UTF8_SHARED = (bytes((code,)) for code in range(4))
_ENCODING = {_GBK: "gbk", _UTF8: "utf-8", _GB18030_SHARED: "gb18030", _UTF8_SHARED: "utf-8"}
_SHARED = {_GB18030_SHARED: CHINESE, _UTF8_SHARED: ENGLISH}
_BETWEEN = "\0"
_VERSE_END = "⏎"
# Editions of GB18030 give some of these different bytes, and none to surrogates.
_UNLIKE = re.compile("[\u1e3f\u9fb4-\u9fbb\ud800-\udfff\ue000-\uf8ff\ufe10-\ufe19]")


def texts(found: Sequence[str]) -> bytes:
    """Texts, deflated. Raises Unusual."""
    joined = _BETWEEN.join(found)
    if joined.count(_BETWEEN) != max(0, len(found) - 1) or (not joined and found):
        raise Unusual
    return _pressed(joined, _way(joined))


def read_texts(data: bytes) -> list[str]:
    """The texts again. Raises ValueError or zlib.error for what is damaged."""
    how = data[:1]
    press = _decompressor(how)
    held = press.decompress(data[1:])
    if not press.eof or press.unused_data:
        raise ValueError("these texts were cut short")
    if not held:
        return []
    return held.decode(_ENCODING[how], _errors(how)).split(_BETWEEN)


def written(dictionary: str) -> str:
    """A dictionary as its file holds it: a line a draft's end, another mark for lines of verse."""
    return dictionary.replace("\n", _VERSE_END).replace(_BETWEEN, "\n")


def encoded(text: str, name: str) -> bytes:
    """A text as it is deflated with the dictionary of this name."""
    how = next(how for how, file in _SHARED.items() if file == name)
    return text.encode(_ENCODING[how], _errors(how))


def is_chinese(text: str) -> bool:
    """Whether the Chinese dictionary is the likelier to help."""
    return 2 * len(text.encode("ascii", "ignore")) < len(text)


def _way(joined: str) -> bytes:
    return _UTF8_SHARED if _UNLIKE.search(joined) or not is_chinese(joined) else _GB18030_SHARED


def _pressed(joined: str, how: bytes) -> bytes:
    data = joined.encode(_ENCODING[how], _errors(how))
    press = _compressor(how).copy()
    return how + press.compress(data) + press.flush()


@cache
def _compressor(how: bytes) -> zlib._Compress:
    """To be copied: reading a dictionary takes longer than deflating a reply's texts."""
    if how in _SHARED:
        return zlib.compressobj(9, zlib.DEFLATED, -15, MEMORY, zdict=_dictionary(how))
    return zlib.compressobj(9, zlib.DEFLATED, -15, MEMORY)


def _decompressor(how: bytes) -> zlib._Decompress:
    return zlib.decompressobj(-15, zdict=_dictionary(how)) if how in _SHARED else zlib.decompressobj(-15)


@cache
def _dictionary(how: bytes) -> bytes:
    text = facts.read_text(_SHARED[how]).replace("\r\n", "\n")  # as git may have written it on Windows
    return encoded(text.replace("\n", _BETWEEN).replace(_VERSE_END, "\n"), _SHARED[how])


def _errors(how: bytes) -> str:
    return "surrogatepass" if _ENCODING[how] == "utf-8" else "strict"
