"""Reads a text for danger: folds what hides a word, and cuts what is long into pieces.

Knows: characters, their variants and look-alikes, sentences, clauses, how much of a text is read.
Does not know: what danger sounds like (`engine.danger_rules`, `engine.danger`).

A text is folded before it is judged: full-width and traditional forms, zero-width characters, spaces
and punctuation inside words, look-alike letters and repeated letters do not hide a word. The work is
bounded: of a text above 2 x REACH characters only the first and the last REACH are read, in pieces of
at most PIECE characters, so no step holds the interpreter for long.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from engine.text import simplify

REACH = 4000
PIECE = 500
SHORT = 60  # folded characters up to which a text is also read as one word without any gap
_OVERLAP = 60  # no rule spans more, but for long chains of filler words
_LATIN = str.maketrans("аеорсхукіѕԁһոⅼıɡ@$0134", "aeopcxykisdhnligasolea")
_SENTENCE = re.compile(r"[。！？!?…\n;；]+|\.(?=\s|$)")
_CLAUSE = re.compile(r"[，,、~～]+")
_SENTENCE_END, _CLAUSE_END = "\x1e", "\x1f"
_HIDDEN = re.compile(r"[@$0134а-яіѕԁһոⅼ]")
_LOOKALIKE = re.compile(r"(?<=[^\W\d_])[@$0134](?=[^\W\d_])|[а-яіѕԁһոⅼ]")
_HAN = "㐀-鿿\U00020000-\U0010ffff"
_WORD = re.compile(rf"[{_HAN}]|\d+|[^\s\d{_HAN}]+")
_RUN = re.compile(r"(.)\1{3}")
_GAP = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")


class Folded(NamedTuple):
    """A text without case, gaps and variants; `edges` is where its words begin and end, ascending."""

    text: str
    edges: tuple[int, ...]

    @property
    def words(self) -> str:
        """The text with its words apart, where they are not of Han characters."""
        found = [self.text[start:end] for start, end in pairwise(self.edges)]
        return _GAP.sub("", " ".join(found))


class _Characters(dict[int, int | None]):
    """For str.translate: letters and digits stay, marks inside a word go, all else becomes a space."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        category = unicodedata.category(character)
        kept: int | None = ord(" ")
        if category in ("Cf", "Mn", "Me", "Sk") or character in "'’":
            kept = None
        elif category == "Nd" or category[0] == "L" or character in (_SENTENCE_END, _CLAUSE_END):
            kept = code
        self[code] = kept
        return kept


_CHARACTERS = _Characters()


def _ends(text: str) -> str:
    """The part of `text` that is read."""
    return text if len(text) <= 2 * REACH else f"{text[:REACH]}{_SENTENCE_END}{text[-REACH:]}"


def _plain(text: str) -> str:
    """NFKC, simplified, lower case; what is no letter or digit is a space, or gone inside a word."""
    # one character may stand for eighteen in NFKC
    text = _ends(unicodedata.normalize("NFKC", text))
    text = simplify(text).lower().replace("亖", "死")
    text = re.sub(r"(?<=\d)\+", "plus", text)
    if _HIDDEN.search(text):
        text = re.sub(r"\S+", _unmask, text)
    return text.translate(_CHARACTERS)


def _unmask(found: re.Match[str]) -> str:
    word = found.group()
    if re.search(r"[a-zа-я]", word):
        word = _LOOKALIKE.sub(lambda one: one.group().translate(_LATIN), word)
    return word


def _folded(words: Sequence[str]) -> Folded:
    """Words end to end, runs of one letter cut at 3."""
    text = "".join(words)
    if not _RUN.search(text):
        return Folded(text, tuple(accumulate(map(len, words), initial=0)))
    letters: list[str] = []
    edges = [0]
    for word in words:
        for character in word:
            if letters[-3:] != [character] * 3:
                letters.append(character)
        edges.append(len(letters))
    return Folded("".join(letters), tuple(sorted(set(edges))))


def fold(text: str) -> Folded:
    """Folds all that is read of `text` into one: letters and digits only."""
    return _folded(_WORD.findall(_plain(_ends(text))))


def parts(text: str) -> list[Folded]:
    """What of `text` is read on its own, folded, no two the same, each at most PIECE characters.

    A short text is read whole (so that no gap inside a word hides it) and by clauses; a long one by
    sentences and clauses, or words of two sentences would meet.
    """
    marked = _SENTENCE.sub(_SENTENCE_END, _ends(text))
    marked = _plain(_CLAUSE.sub(_CLAUSE_END, marked))
    sentences = [
        [_WORD.findall(clause) for clause in sentence.split(_CLAUSE_END)]
        for sentence in marked.split(_SENTENCE_END)
    ]
    found = [_folded([word for clause in sentence for word in clause]) for sentence in sentences]
    if sum(len(part.text) for part in found) <= 4 * SHORT:  # runs over two sentences may be cut yet
        whole = _folded(_WORD.findall(marked))
        if len(whole.text) <= SHORT:
            found = [whole]
    found += [_folded(clause) for sentence in sentences for clause in sentence]
    distinct = {part.text: part for part in found if part.text}
    return [piece for part in distinct.values() for piece in _cut(part)]


def _cut(part: Folded) -> list[Folded]:
    """`part` in overlapping pieces, from word to word where a word's edge is near."""
    text, edges = part
    if len(text) <= PIECE:
        return [part]
    pieces = []
    for begin in range(0, len(text) - _OVERLAP, PIECE - _OVERLAP):
        start = edges[bisect_right(edges, begin) - 1]
        start = start if begin - start < _OVERLAP // 2 else begin
        end = min(start + PIECE, len(text))
        inner = edges[bisect_right(edges, start) : bisect_right(edges, end - 1)]
        pieces.append(Folded(text[start:end], (0, *(edge - start for edge in inner), end - start)))
    return pieces
