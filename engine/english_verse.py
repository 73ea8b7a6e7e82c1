"""English verse under decoding: masks that make a model keep a form, whatever it would like to write.

Knows: syllables, iambic stress, rhyme, where marks may stand, no word of a theme twice, no line that
stands in the corpus; and what gives way, in which order, when nothing is left to choose.
Does not know: models, sampling, what a verse is about.

Lines are written backwards (engine.english), so a rhyme is the first word written of its line and
every place of a word in the metre is known when it is chosen. Only words that every reading gives the
same number of syllables are written, and only unambiguous ones rhyme: whoever counts, counts the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engine.english import MARKS, words
from engine.english_forms import FORMS, Pattern
from engine.facts.english_sounds import is_name, sounds
from engine.novelty import Bloom, Flags, letters
from engine.vocabulary import LINE
from engine.weights import LINES_FILE
from engine.word_pairs import WordPairs

# What decoding gives up, first to last, when it must; a reply names those it really broke. Length is
# never given up. "pair": two words that were never seen side by side. "article": a before a vowel, an
# before a consonant, an article before a verb, or more than RUN words in a row that say nothing of a
# theme. "ending": words that end or begin no line.
RELAXATION = ("metre", "pair", "repeat", "corpus", "article", "ending", "rhyme")

_LONGEST = max(size for form in FORMS.values() for pattern in form.written for size in pattern.lengths)
RUN = 3
PARTNERS = 4  # other words that a rhyme must have before its line is written
_SPACE = "\u2581"
_CLOSING = frozenset(".!?")
_YOO = re.compile(r"(eu|ew|one\b|once\b|u([bcfnrst][aeiou]|ni))")  # begins with a consonant all the same
_SILENT_H = re.compile(r"(hour|honest|honor|honour|heir)")
_LEAST_BEFORE_COMMA = 3  # words on either side of a comma inside a line


class EnglishRules:
    """What a vocabulary's words can do in verse: V-wide arrays, made once for a model.

    `tokens`: the vocabulary's tokens in id order. `corpus`: lines that must not be written again.
    `pairs`: words that may stand side by side; without it any may. Raises ValueError when no word can
    be used.
    """

    def __init__(
        self, tokens: Sequence[str], corpus: Bloom | None = None, pairs: WordPairs | None = None
    ) -> None:
        self.tokens = [token.removeprefix(_SPACE) for token in tokens]
        self.corpus, self.pairs = corpus, pairs
        size = len(tokens)
        self.syllables = np.zeros(size, np.int64)  # 0: may not be written
        self.rhyme = np.full(size, -1)  # the rhyme's number, -1 where readings differ
        self.onset = np.full(size, -1)
        self.iambic = np.zeros((2, size), np.bool_)  # fits with its first syllable at an odd, even place
        self.marks = {mark: i for i, mark in enumerate(self.tokens) if mark in MARKS and tokens[i] != mark}
        rhymes: dict[str, int] = {}
        onsets: dict[str, int] = {}
        for index, (token, word) in enumerate(zip(tokens, self.tokens, strict=True)):
            readings = sounds(word) if token.startswith(_SPACE) else ()
            lengths = {reading.syllables for reading in readings}
            stray = len(word) == 1 and word not in "aio"
            if len(lengths) != 1 or stray or is_name(word) or word in words("coarse"):
                continue
            self.syllables[index] = lengths.pop()
            stresses = readings[0].stresses
            if len({reading.rhyme for reading in readings}) == 1:
                self.rhyme[index] = rhymes.setdefault(readings[0].rhyme, len(rhymes))
                self.onset[index] = onsets.setdefault(readings[0].onset, len(onsets))
            for parity in (0, 1):
                beats = [(place + parity) % 2 == 1 for place in range(len(stresses))]
                self.iambic[parity, index] = (
                    word not in ("a", "an", "the") or not beats[0]
                    if len(stresses) == 1
                    else all(beat or stress != "1" for beat, stress in zip(beats, stresses, strict=True))
                )
        if not (self.syllables == 1).any():
            raise ValueError("the vocabulary has no English word")
        self.known: Flags = self.syllables > 0
        self.plain = self._list("plain")
        self.dangling = self._list("dangling")
        self.trailing = self._list("trailing")
        self.vowel = np.array([begins_with_vowel(word) for word in self.tokens])
        # No article stands before these, nor before what may not end a line, but for a few words that
        # come between it and its noun.
        between = self._of("own other same more most few many such every very like just only")
        self.closed = (self.dangling & ~between) | self._of("me us him them her thee said says say")
        self.consonant_a, self.vowel_an = self._of("a"), self._of("an")
        self.articles = self._of("a an the my your his her its our their thy every")
        # A character for each id, as the corpus's lines are kept.
        self.letters = letters(chr(index) for index in range(size))
        self.every: Flags = np.ones(size, np.bool_)
        self.ends = self.every
        # By whether the metre counts: what can be led up to by so many syllables more.
        self.reach = np.ones((2, _LONGEST + 1, size), np.bool_)
        if pairs is not None:
            self.ends = np.any([pairs.before(token) for token in (LINE, *self.marks.values())], axis=0)
            self.reach[0] = pairs.reach(self.syllables, np.ones((2, size), np.bool_), _LONGEST)
            self.reach[1] = pairs.reach(self.syllables, self.iambic, _LONGEST)

    @classmethod
    def of(cls, folder: Path, tokens: Sequence[str]) -> EnglishRules:
        """The rules of a checkpoint, with what it keeps of its corpus. Raises ValueError for bad files."""
        lines = folder / LINES_FILE
        corpus = Bloom.load(lines) if lines.exists() else None
        return cls(tokens, corpus, WordPairs.load(folder, len(tokens)))

    def beside(self, last: int | None) -> Flags:
        """(V,) what may stand right before a token, or at a line's end for None. Shared: do not change it."""
        if self.pairs is None:
            return self.every
        return self.ends if last is None else self.pairs.before(last)

    def _list(self, kind: str) -> Flags:
        listed = words(kind)
        return np.array([word in listed for word in self.tokens])

    def _of(self, listed: str) -> Flags:
        found = frozenset(listed.split())
        return np.array([word in found for word in self.tokens])

    def plan(self, pattern: Pattern, theme: Sequence[int] = (), line: int = 0) -> EnglishPlan:
        """`theme`: words of which one should end the line of this number, where everything allows it."""
        return EnglishPlan(self, pattern, theme, line)


def begins_with_vowel(word: str) -> bool:
    """Whether "an" stands before a word."""
    return bool(_SILENT_H.match(word)) or (word[:1] in ("a", "e", "i", "o", "u") and not _YOO.match(word))


class EnglishPlan:
    """One verse being written, each line from its end: which tokens may come next (decode.Plan)."""

    def __init__(
        self, rules: EnglishRules, pattern: Pattern, theme: Sequence[int] = (), line: int = 0
    ) -> None:
        self.rules, self.pattern = rules, pattern
        self._theme, self._theme_line = self._flags(theme), line % len(pattern.lengths)
        self.lines: list[list[int]] = [[]]
        self._left = pattern.lengths[0]  # syllables of the line still to be written
        self._used = np.zeros(len(rules.known), np.bool_)
        self._rhymes: dict[str, list[int]] = {}  # letter → the words that rhyme so far
        self._broken: set[str] = set()
        self._wished: tuple[tuple[int, int], dict[str, Flags]] | None = None

    @property
    def done(self) -> bool:
        return self._left == 0 and len(self.lines) == len(self.pattern.lengths)

    @property
    def at_line_end(self) -> bool:
        return self.done or (not self.lines[-1] and len(self.lines) > 1)

    @property
    def relaxed(self) -> tuple[str, ...]:
        return tuple(name for name in RELAXATION if name in self._broken)

    def mask(self) -> torch.Tensor:
        """(V,) bool, fresh: the tokens that may come next. All False only when `done`."""
        if self.done:
            return torch.zeros(len(self.rules.known), dtype=torch.bool)
        marks = self._marks()
        if marks and not self.lines[-1] and self._closes:
            return torch.from_numpy(self._flags(marks))
        choices = self._length()
        wishes = self._wishes()
        for given_up in range(len(RELAXATION) + 1):
            kept = choices.copy()
            for name in RELAXATION[given_up:]:
                kept &= wishes[name]
            if kept.any():
                break
        # Three words that were seen in a row are better than two; not to have them breaks nothing.
        if self.rules.pairs is not None and self.lines[-1]:
            later = self.lines[-1][-2] if len(self.lines[-1]) > 1 else LINE
            seen = kept & self.rules.pairs.before_both(self.lines[-1][-1], later)
            kept = seen if seen.any() else kept
        if self._ends and len(self.lines) == self._theme_line + 1:
            seen = kept & self._theme
            kept = seen if seen.any() else kept
        return torch.from_numpy(kept | self._flags(marks) if marks else kept)

    def advance(self, token: int) -> None:
        """Writes a word or a mark. Raises ValueError for a token that cannot stand here at all."""
        rules, line = self.rules, self.lines[-1]
        if token in rules.marks.values():
            line.append(token)
            return
        if self.done or not self._length()[token]:
            raise ValueError("the verse is done" if self.done else f"token {token} does not fit")
        wishes = self._wishes()
        self._broken |= {name for name in RELAXATION if not wishes[name][token]}
        if self._ends:
            self._rhymes.setdefault(self.pattern.scheme[len(self.lines) - 1 :][:1], []).append(token)
        self._left -= int(rules.syllables[token])
        line.append(token)
        self._used[token] = not rules.plain[token]
        if self._left == 0 and len(self.lines) < len(self.pattern.lengths):
            self.lines.append([])
            self._left = self.pattern.lengths[len(self.lines) - 1]

    @property
    def _words(self) -> list[int]:
        return [token for token in self.lines[-1] if self.rules.known[token]]

    @property
    def _ends(self) -> bool:
        """Whether the word to come is the line's last: the first written."""
        return not self._words

    @property
    def _closes(self) -> bool:
        return len(self.lines) == len(self.pattern.lengths)

    def _marks(self) -> list[int]:
        """Marks that may come now: at the line's end, and one comma inside it. Haiku have none."""
        line, rules = self.lines[-1], self.rules
        if not self.pattern.scheme:
            return []
        if not line:
            return [i for mark, i in rules.marks.items() if not self._closes or mark in _CLOSING]
        inside = line[1:] if line[0] in rules.marks.values() else line
        apart = len(inside) >= _LEAST_BEFORE_COMMA and self._left >= _LEAST_BEFORE_COMMA
        comma = rules.marks.get(",")
        if comma is None or not apart or comma in inside or not (self._length() & self._pair(comma)).any():
            return []
        return [comma]

    def _flags(self, tokens: Sequence[int]) -> Flags:
        flags = np.zeros(len(self.rules.known), np.bool_)
        flags[list(tokens)] = True
        return flags

    def _length(self) -> Flags:
        return self.rules.known & (self.rules.syllables <= self._left)

    def _wishes(self) -> dict[str, Flags]:
        """What the next word should keep, by the names of RELAXATION."""
        written = len(self.lines), len(self.lines[-1])
        if self._wished is None or self._wished[0] != written:
            self._wished = written, self._wish()
        return self._wished[1]

    def _wish(self) -> dict[str, Flags]:
        rules, line = self.rules, self.lines[-1]
        every = rules.every
        places = self._left - rules.syllables + 1
        metre = np.where(places % 2 == 1, rules.iambic[0], rules.iambic[1]) if self.pattern.iambic else every
        last = line[-1] if line else None
        after = last is None or last in rules.marks.values()  # a line or a clause ends with the word to come
        article, ending, repeat = every, every, ~self._used
        if last is not None and not after:
            repeat = repeat & ~self._flags(line[-2:])
            article = ~(rules.consonant_a if rules.vowel[last] else rules.vowel_an)
            if rules.closed[last]:
                article = article & ~rules.articles
        if len(line) >= RUN and all(rules.plain[token] for token in line[-RUN:]):
            article = article & ~rules.plain
        if after:
            ending = ending & ~rules.dangling
        starts = rules.syllables == self._left
        pair = self._pair(last)
        ending = ending & ~(starts & rules.trailing)
        return {
            "metre": metre,
            "pair": pair,
            "repeat": repeat,
            "corpus": self._novel(starts),
            "article": article,
            "ending": ending,
            "rhyme": self._rhyming(metre & ending & repeat & pair),
        }

    def _pair(self, last: int | None) -> Flags:
        """(V,) what may stand before `last` so that its line can still be led up to."""
        left = np.clip(self._left - self.rules.syllables, 0, _LONGEST)
        reached = self.rules.reach[int(self.pattern.iambic), left, np.arange(len(left))]
        led: Flags = self.rules.beside(last) & reached
        return led

    def _novel(self, starts: Flags) -> Flags:
        """All tokens but those that would begin a line of the corpus, its other words written."""
        novel = np.ones(len(starts), np.bool_)
        if self.rules.corpus is not None and len(self._words) >= 2:
            ids = np.flatnonzero(starts & self.rules.known)
            prefix = "".join(map(chr, self._words))
            novel[ids[self.rules.corpus.endings(prefix, self.rules.letters[ids])]] = False
        return novel

    def _rhyming(self, fitting: Flags) -> Flags:
        """At a line's end: the words that rhyme as the scheme asks; before the first, those with partners."""
        rules = self.rules
        row = len(self.lines) - 1
        if not self._ends or not self.pattern.scheme:
            return rules.every
        letter = self.pattern.scheme[row]
        others = [words for other, words in self._rhymes.items() if other != letter]
        taken = {int(rules.rhyme[word]) for words in others for word in words}
        fresh: Flags = ~np.isin(rules.rhyme, list(taken - {-1}))
        if not self.pattern.rhymes(row):
            return fresh
        if letter in self._rhymes:
            first = self._rhymes[letter][0]
            same_start = np.isin(rules.onset, [rules.onset[word] for word in self._rhymes[letter]])
            same: Flags = (rules.rhyme == rules.rhyme[first]) & (rules.rhyme >= 0) & ~same_start
            return same
        # Partners are counted by how they begin: light and delight are no rhyme.
        able = np.flatnonzero(fitting & (rules.rhyme >= 0) & rules.known & (rules.syllables <= self._left))
        kinds = np.unique(rules.rhyme[able] * len(rules.known) + rules.onset[able])
        numbers, partners = np.unique(kinds // len(rules.known), return_counts=True)
        return fresh & np.isin(rules.rhyme, numbers[partners > PARTNERS])
