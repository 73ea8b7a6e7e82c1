"""A dictionary that nobody wrote: word translations induced from sentence pairs.

Knows: words of English and Chinese, IBM model 1 (Brown et al. 1993, "The Mathematics of Statistical
Machine Translation"), its file. Does not know: corpora, models, sentences beyond their words.

    learn(pairs) → Lexicon       both directions at once
    lexicon.translations("猫")   [("cat", 0.83), ("cats", 0.11)]
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import text
from engine.errors import ModelBroken

FILE = "lexicon.json.gz"
_ITERATIONS = 6
_KEPT = 3  # translations of a word
_CANDIDATES = 12  # of each direction, before both are held together
_LEAST = 0.05  # probability below which a translation is left out
_NOTHING = ""  # the empty word, which a target word may come from
_ENGLISH = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?|\d+(?:[.,]\d+)*|[^\sA-Za-z\d]")
_STEADY = 0.1  # probability from which a translation is shown in a gloss
_TO_ENGLISH = dict(zip("，。？！：；、（）“”", ',.?!:;,()""', strict=True))
_TO_CHINESE = dict(zip(",.?!:;()", "，。？！：；（）", strict=True))
_ENDINGS = (
    *(("'s", ""), ("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", ""), ("d", ""), ("ing", "")),
    *(("ing", "e"), ("ly", ""), ("er", ""), ("est", "")),
)
_HAN = re.compile(f"[{text.HAN}]")

Pair = tuple[str, str]


def words(sentence: str) -> list[str]:
    """Words, numbers and marks in order: English in lower case, Chinese as rjieba cuts it."""
    if not _HAN.search(sentence):
        return [word.lower() for word in _ENGLISH.findall(sentence)]
    return [word.lower() for word in text.segment(sentence) if word.strip()]


def is_word(word: str) -> bool:
    """Whether a word is more than marks."""
    return any(character.isalnum() for character in word)


class Lexicon:
    """Translations of each word with p(translation | word), best first."""

    def __init__(self, tables: dict[str, list[tuple[str, float]]]) -> None:
        self._tables = tables

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, word: str) -> bool:
        return word in self._tables

    def translations(self, word: str) -> list[tuple[str, float]]:
        """Of a word as `words` gives it; [] for one that is not known."""
        return self._tables.get(word, [])

    def word_by_word(self, sentence: str) -> str:
        """Each word's likeliest translation in the order of the sentence; unknown words stay."""
        found = [self.translations(word)[0][0] if word in self else word for word in words(sentence)]
        return joined(word for word in found if word)

    def gloss(self, sentence: str) -> str:
        """As `word_by_word`, and where a word is not known by what is known of it: Chinese words by their
        parts, English ones without their endings. What has no steady translation, such as an article,
        is left out; marks are the other language's."""
        marks = _TO_ENGLISH if _HAN.search(sentence) else _TO_CHINESE
        found: list[str] = []
        for word in words(sentence):
            for part in self._parts(word):
                known = [(t, p) for t, p in self.translations(part) if is_word(t)]
                if not is_word(part):
                    found.append(marks.get(part, part))
                elif known and known[0][1] >= _STEADY:
                    found.append(known[0][0])
                elif not self.translations(part):
                    found.append(part)
        return joined(word for word in found if word)

    def coverage(self, source: str, target: str) -> float:
        """The share of the source's words that have a translation of theirs in the target; 1 where no
        word is known. A word that is nowhere in the lexicon is there when it was taken over as it is."""
        said = target.lower()
        there = set(words(target))
        asked = [part for word in words(source) if is_word(word) for part in self._parts(word)]
        hits = 0
        for word in asked:
            known = [t for t, _ in self.translations(word)] or [word]
            hits += any(t in there or (bool(_HAN.search(t)) and t in said) or not is_word(t) for t in known)
        return hits / len(asked) if asked else 1.0

    def _parts(self, word: str) -> list[str]:
        if word in self or len(word) < 2:
            return [word]
        if not _HAN.search(word):
            stems = [word[: -len(end)] + more for end, more in _ENDINGS if word.endswith(end)]
            return [next((stem for stem in stems if stem in self), word)]
        parts: list[str] = []
        while word:
            size = next((n for n in range(min(4, len(word)), 1, -1) if word[:n] in self), 1)
            parts.append(word[:size])
            word = word[size:]
        return parts

    def save(self, folder: Path) -> None:
        content = json.dumps(self._tables, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        (folder / FILE).write_bytes(gzip.compress(content.encode("utf-8"), 9, mtime=0))

    @classmethod
    def load(cls, folder: Path) -> Lexicon:
        """Raises ModelBroken."""
        try:
            content = gzip.decompress((folder / FILE).read_bytes())
            return cls(_read(json.loads(content)))
        except (OSError, EOFError, ValueError, TypeError, AttributeError) as error:
            raise ModelBroken(folder=str(folder), reason=f"{FILE}: {type(error).__name__}") from error


def _read(tables: dict[str, list[list[Any]]]) -> dict[str, list[tuple[str, float]]]:
    return {word: [(str(t), float(p)) for t, p in found] for word, found in tables.items()}


def joined(parts: Iterable[str]) -> str:
    """Words as a text: blanks between words of Latin script, none at Chinese ones or before marks."""
    out = ""
    for part in parts:
        if out and part[:1].isascii() and part[:1].isalnum() and out[-1].isascii() and out[-1] != "(":
            out += " "
        out += part
    return out


def learn(pairs: Sequence[Pair], *, least: int = 1, symmetric: bool = True) -> Lexicon:
    """From (English, Chinese) pairs. `least`: how often a word must occur to be kept.

    Each direction is aligned with an empty word on its source side. A rare word draws all that its
    sentences hold, in one direction; so translations are ranked by √(p(t|s)·p(s|t)) when `symmetric`,
    else by p(t|s) alone, as the model has it.
    """
    english = [words(one) for one, _ in pairs]
    chinese = [words(other) for _, other in pairs]
    there, back = _direction(english, chinese), _direction(chinese, english)
    ours = _table(there, back if symmetric else None, english, least)
    theirs = _table(back, there if symmetric else None, chinese, least)
    # Latin words and marks stand in Chinese sentences too, where they are quotations.
    han = {word: found for word, found in theirs.items() if _HAN.search(word) or word not in ours}
    return Lexicon({word: found for word, found in ours.items() if not _HAN.search(word)} | han)


def _direction(
    sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]
) -> dict[str, dict[str, float]]:
    """p(target | source) by IBM model 1, the likeliest targets of each source."""
    source_ids, source_words = _numbered([_NOTHING, *words] for words in sources)
    target_ids, target_words = _numbered(targets)
    lefts, rights, owners = [], [], []
    position = 0
    for left, right in zip(source_ids, target_ids, strict=True):
        lefts.append(np.tile(left, len(right)))
        rights.append(np.repeat(right, len(left)))
        owners.append(np.repeat(np.arange(position, position + len(right)), len(left)))
        position += len(right)
    source, target = np.concatenate(lefts), np.concatenate(rights)
    owner = np.concatenate(owners)
    keys, cell = np.unique(source.astype(np.int64) * len(target_words) + target, return_inverse=True)
    cell_source = keys // len(target_words)
    # The first step starts from what occurs together, which is the uniform table's own first step.
    p = np.ones(len(keys))
    for _ in range(_ITERATIONS):
        share = p[cell]
        share /= np.bincount(owner, share, minlength=position)[owner]
        counts = np.bincount(cell, share, minlength=len(keys))
        p = counts / np.bincount(cell_source, counts)[cell_source]
    found: dict[str, dict[str, float]] = {}
    for index in np.lexsort((-p, cell_source)):
        candidates = found.setdefault(source_words[cell_source[index]], {})
        if len(candidates) < _CANDIDATES:
            candidates[target_words[keys[index] % len(target_words)]] = float(p[index])
    found.pop(_NOTHING, None)
    return found


def _table(
    there: dict[str, dict[str, float]],
    back: dict[str, dict[str, float]] | None,
    sources: Sequence[Sequence[str]],
    least: int,
) -> dict[str, list[tuple[str, float]]]:
    occurrences = Counter(word for sentence in sources for word in sentence)
    tables: dict[str, list[tuple[str, float]]] = {}
    for word, candidates in there.items():
        if occurrences[word] < least:
            continue
        scores = {
            target: p if back is None else (p * back.get(target, {}).get(word, _LEAST**3)) ** 0.5
            for target, p in candidates.items()
        }
        ranked = sorted(scores.items(), key=lambda entry: -entry[1])[:_KEPT]
        tables[word] = [(t, round(p, 3)) for n, (t, p) in enumerate(ranked) if n == 0 or p >= _LEAST]
    return tables


def _numbered(
    sentences: Iterable[Sequence[str]],
) -> tuple[list[npt.NDArray[np.int32]], list[str]]:
    numbers: dict[str, int] = {}
    ids = [
        np.array([numbers.setdefault(word, len(numbers)) for word in sentence], dtype=np.int32)
        for sentence in sentences
    ]
    return ids, list(numbers)
