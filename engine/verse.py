"""Verse under decoding: masks that make a model keep a form, whatever it would like to write.

Knows: tones (平仄 with 粘 and 对), rhyme by 平水韵, 孤平 and 三平尾, length, no repeated character, no
line that stands in the corpus; and what gives way, in which order, when nothing is left to choose.
Does not know: models, sampling, separators between lines, what a verse is about.

Which pattern of a form a verse follows is not chosen beforehand: all that are still possible stay
alive and the characters written narrow them. When no character satisfies everything at a position,
constraints are given up there, one more at a time in the order of RELAXATION; the next position
starts with all of them again. Length is never given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from engine.facts.pingshui import UNKNOWN, Reading, reading, readings, rhyme_groups
from engine.forms import FORMS, Form, form_named
from engine.novelty import Bloom, Flags, letters
from engine.verse_check import RULES, check, fits, verse_lines

__all__ = [
    "FORMS",
    "RELAXATION",
    "RULES",
    "Form",
    "VersePlan",
    "VerseRules",
    "check",
    "form_named",
    "verse_lines",
]

# What decoding gives up, first to last, when it must; a reply names those it really broke.
# "tail": 孤平 and 三平尾. "character": a character whose tone nobody knows.
RELAXATION = ("repeat", "corpus", "tail", "tone", "rhyme", "character")

_State = tuple[int, str]  # a pattern still alive, and the template that its current line follows

SPARE_RHYMES = 2  # rhyme characters a group must have beyond those a verse needs, and keeps in reserve


class VerseRules:
    """What a vocabulary's characters can do in verse: V-wide masks, made once for a model.

    `characters`: the vocabulary's characters in id order, "" for other tokens. `corpus`: the lines
    that must not be written again. Raises ValueError when no character can be used in verse.
    """

    def __init__(self, characters: Sequence[str], corpus: Bloom | None = None) -> None:
        self.characters = tuple(characters)
        self.corpus = corpus
        # Writing keeps to the tables; only the checker guesses at characters that they lack.
        entries = [readings().get(character, UNKNOWN) for character in characters]
        self.known: Flags = np.array([entry.level or entry.oblique for entry in entries], np.bool_)
        if not self.known.any():
            raise ValueError("the vocabulary has no Chinese character")
        self.level: Flags = np.array([entry.level for entry in entries])
        self.oblique: Flags = np.array([entry.oblique for entry in entries])
        self.group_names = rhyme_groups()
        self.groups: Flags = np.array(
            [[name in entry.groups for entry in entries] for name in self.group_names]
        )
        self.letters = letters(character if len(character) == 1 else " " for character in characters)
        self._unions: dict[frozenset[str], Flags] = {}

    def plan(self, form: Form) -> VersePlan:
        return VersePlan(self, form)

    def rhyming(self, groups: frozenset[str]) -> Flags:
        """(V,) the characters of any of these groups. Shared: do not change it."""
        if groups not in self._unions:
            rows = [index for index, name in enumerate(self.group_names) if name in groups]
            union: Flags = np.any(self.groups[rows], axis=0)
            self._unions[groups] = union
        return self._unions[groups]


class VersePlan:
    """One verse being written: which characters may come next.

    Call `mask()`, choose an id, `advance(id)`, until `done`. At `at_line_end` the decoder puts its
    separator. An id that the mask forbids may be given too (the letter of an acrostic): what it
    breaks is then named in `relaxed`.
    """

    def __init__(self, rules: VerseRules, form: Form) -> None:
        self.rules, self.form = rules, form
        self.lines: list[str] = [""]
        self._lengths = form.lengths
        self._free = rules.known.copy()  # (V,) known and not yet used
        self._patterns = list(range(len(form.patterns)))
        self._groups: frozenset[str] = frozenset()  # the rhyme groups still possible; none before a rhyme
        self._rhymes: list[int] = []
        self._spare = 0  # free characters in self._groups
        self._broken: set[str] = set()
        self._begin_line()

    @property
    def done(self) -> bool:
        return self._column == self._size and len(self.lines) == len(self._lengths)

    @property
    def position(self) -> int:
        """How many characters have been written."""
        return sum(map(len, self.lines))

    @property
    def at_line_end(self) -> bool:
        """Whether the character just written ended a line."""
        return self.done or (self._column == 0 and len(self.lines) > 1)

    @property
    def relaxed(self) -> tuple[str, ...]:
        """The constraints broken so far, in the order of RELAXATION; empty for nearly all verses."""
        return tuple(name for name in RELAXATION if name in self._broken)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The names of the patterns still possible."""
        return tuple(self.form.patterns[index].name for index in self._patterns)

    def mask(self) -> torch.Tensor:
        """(V,) bool, fresh: the characters that may come next. All False only when `done`."""
        if self.done:
            return torch.zeros(len(self.rules.known), dtype=torch.bool)
        choices = self._novel(self._fitting(self._states) & self._free)
        if self._groups and not self._at_rhyme and self._spare <= (left := self._rhymes_left) + SPARE_RHYMES:
            kept = choices & ~self.rules.rhyming(self._groups)
            choices = kept if left and kept.any() else choices
        # Arrays inside, a tensor outside: numpy's small operations cost a third of torch's.
        return torch.from_numpy(choices if choices.any() else self._relaxed_choices())

    def advance(self, token: int) -> None:
        """Writes a character. Raises ValueError when the verse is done or the id is no character."""
        character = self.rules.characters[token]
        if self.done or len(character) != 1:
            raise ValueError("the verse is done" if self.done else f"token {token} is not one character")
        if self.rules.known[token]:
            self._narrow(reading(character))
            self._use(token)
        else:
            self._broken.add("character")
        self.lines[-1] += character
        self._column += 1
        if self._column == self._size:
            if self.rules.corpus is not None and self.lines[-1] in self.rules.corpus:
                self._broken.add("corpus")
            if len(self.lines) < len(self._lengths):
                self.lines.append("")
                self._begin_line()

    def _begin_line(self) -> None:
        row = len(self.lines) - 1
        self._column, self._size = 0, self._lengths[row]
        lines = [(index, self.form.patterns[index].lines[row]) for index in self._patterns]
        self._states: list[_State] = [(index, text) for index, line in lines for text in line.written]
        self._loose: list[_State] = [(index, line.loose) for index, line in lines]
        self._opened: frozenset[str] = frozenset()

    @property
    def _at_rhyme(self) -> bool:
        return self._column == self._size - 1 and any(self._rhymes_here(index) for index in self._patterns)

    def _rhymes_here(self, pattern: int) -> bool:
        return self.form.patterns[pattern].lines[len(self.lines) - 1].rhymes

    @property
    def _rhymes_left(self) -> int:
        """How many rhymes are still to be written, at most, this line's among them."""
        row = len(self.lines) - 1
        return max(sum(line.rhymes for line in self.form.patterns[i].lines[row:]) for i in self._patterns)

    def _rhyme_groups(self) -> frozenset[str]:
        """The groups that the next rhyme may be in: before the first, those with enough characters."""
        if self._groups:
            return self._groups
        if not self._opened:
            counts = (self.rules.groups & self._free).sum(1)
            for least in (self._rhymes_left + SPARE_RHYMES, self._rhymes_left, 1):
                opened = [name for name, n in zip(self.rules.group_names, counts, strict=True) if n >= least]
                if opened:
                    break
            self._opened = frozenset(opened)
        return self._opened

    def _fitting(self, states: Iterable[_State]) -> Flags:
        """(V,) the characters whose tone, and at a rhyme whose group, some state allows. Do not change."""
        rules, ends = self.rules, self._column == self._size - 1
        wanted, rhymes = set(), False
        for pattern, template in states:
            if ends and self._rhymes_here(pattern):
                rhymes = True
            else:
                wanted.add(template[self._column])
        if rhymes and not wanted:
            return rules.rhyming(self._rhyme_groups())
        plain = (
            {"平": rules.level, "仄": rules.oblique}[wanted.pop()]
            if wanted in ({"平"}, {"仄"})
            else rules.known
        )
        return plain | rules.rhyming(self._rhyme_groups()) if rhymes else plain

    def _novel(self, choices: Flags) -> Flags:
        """The choices less those that would end a line of the corpus."""
        if self.rules.corpus is None or self._column < self._size - 1:
            return choices
        tokens = np.flatnonzero(choices)
        known = self.rules.corpus.endings(self.lines[-1], self.rules.letters[tokens])
        if known.any():
            choices = choices.copy()
            choices[tokens[known]] = False
        return choices

    def _relaxed_choices(self) -> Flags:
        """What is left when constraints give way in the order of RELAXATION; never empty.

        A rhyme word is used twice only where no other character is left at all.
        """
        rules, at_rhyme = self.rules, self._at_rhyme
        bases = [
            self._fitting(self._states),
            self._fitting(self._loose),
            rules.rhyming(self._groups or frozenset(rules.group_names)) if at_rhyme else rules.known,
            rules.level if at_rhyme else rules.known,
            rules.known,
        ]
        if at_rhyme:
            unrhymed = np.ones_like(rules.known)
            unrhymed[self._rhymes] = False
            bases = [base & unrhymed for base in bases]
        for base in (*bases, rules.known):
            for choices in (self._novel(base & self._free), self._novel(base), base & self._free, base):
                if choices.any():
                    return choices.copy()
        raise AssertionError("VerseRules holds at least one character")

    def _narrow(self, entry: Reading) -> None:
        """Keeps the states that the character fits; names what it breaks where it fits none."""
        states = [state for state in self._states if fits(entry, state[1][self._column])]
        loose = [state for state in self._loose if fits(entry, state[1][self._column])]
        if not states:
            self._broken.add("tail" if loose else "tone")
            loose = loose or self._loose
            states = loose
        if self._column == self._size - 1:
            rhyming = [state for state in states if self._rhymes_here(state[0])]
            groups = self._rhyme_groups() & entry.groups or (frozenset() if self._groups else entry.groups)
            if rhyming and groups:
                states, self._groups = rhyming, groups
            elif rhyming and len(rhyming) < len(states):
                states = [state for state in states if state not in rhyming]
            elif rhyming:
                self._broken.add("rhyme")
        self._states, self._loose = states, loose
        self._patterns = sorted({pattern for pattern, _ in states})

    def _use(self, token: int) -> None:
        if not self._free[token]:
            self._broken.add("repeat")
        self._free[token] = False
        if self._at_rhyme:
            self._rhymes.append(token)
            self._spare = int((self.rules.rhyming(self._groups) & self._free).sum()) if self._groups else 0
        elif self._groups and not self._groups.isdisjoint(reading(self.rules.characters[token]).groups):
            self._spare -= 1
