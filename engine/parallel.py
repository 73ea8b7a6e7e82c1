"""Sentence pairs of English and Chinese: where they stand in a row, and how their writing is evened out.

Knows: the fields of our parallel corpora, quotation marks and punctuation of both languages.
Does not know: which rows may be learnt from, vocabularies, models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from engine import text

TAGS = ("zh>en", "en>zh")
"""The directions, by what stands in the condition and what is written."""

_HALF = str.maketrans(",?!:;()", "，？！：；（）")
_WIDE = str.maketrans("，？！：；（）。、", ",?!:;().,")
_QUOTES = str.maketrans("‘’“”`", "''\"\"'")
_MARK = re.compile(
    rf"(?<=[{text.HAN}”’》）0-9A-Za-z])[,?!:;]|[,?!:;](?=[{text.HAN}])|\((?=[{text.HAN}])|(?<=[{text.HAN}])\)"
)
_LAST_STOP = re.compile(rf"(?<=[{text.HAN}”》）])\.$")
_STRAIGHT = re.compile(r'"([^"\n]*)"')
_BETWEEN = re.compile(rf"(?<=[{text.HAN}，。？！：；]) +| +(?=[{text.HAN}，。？！：；])")


def direction(words: str) -> str:
    """zh>en for a text with any Han character, else en>zh."""
    return TAGS[0] if text.locale_of(words, "en") == "zh-CN" else TAGS[1]


def even(words: str) -> str:
    """A text as the model reads and writes it: simplified characters, full-width marks in Chinese,
    straight quotation marks in English. Idempotent."""
    words = " ".join(text.clean(words).split())
    if direction(words) == TAGS[1]:
        return words.translate(_QUOTES).translate(_WIDE)
    words = text.simplify(words).replace("「", "“").replace("」", "”").replace("『", "“").replace("』", "”")
    words = _STRAIGHT.sub(r"“\1”", words)
    while True:  # a mark made wide may leave a blank before it to be taken away
        marked = _MARK.sub(lambda mark: mark[0].translate(_HALF), _BETWEEN.sub("", words))
        fresh = _LAST_STOP.sub("。", marked)
        if fresh == words:
            return words
        words = fresh


def pairs(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(English, Chinese) of a row, evened out: src and tgt, zh and en, and the questions, answers and
    paragraphs of a row that has them in both languages."""
    found: list[tuple[str, str]] = []
    if "src_en" in row:
        found += [(row["src_en"], row["src"]), (row["tgt_en"], row["tgt"])]
        found += _aligned(row["context_en"], row["context"])
    elif "zh" in row and "en" in row:
        found.append((row["en"], row["zh"]))
    elif "src" in row and "tgt" in row:
        found.append((row["src"], row["tgt"]))
    for english, chinese in found:
        english, chinese = even(english), even(chinese)
        if direction(english) == TAGS[1] and direction(chinese) == TAGS[0]:
            yield english, chinese


def _aligned(english: str, chinese: str) -> list[tuple[str, str]]:
    """Sentences of two paragraphs, where there are equally many and their lengths go together."""
    a, b = ([part.strip() for part in text.sentences(side) if part.strip()] for side in (english, chinese))
    if len(a) != len(b):
        return []
    # English takes about three and a half letters for a Chinese character.
    return [(e, c) for e, c in zip(a, b, strict=True) if 0.5 < len(e) / len(c) / 3.5 < 2]
