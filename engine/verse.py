"""Verse under decoding: masks that make a model keep a form, whatever it would like to write.

Knows: tones (平仄 with 粘 and 对), rhyme by 平水韵 or 词林正韵, 孤平 and 三平尾, length, repeated
characters, forced ones (the heads of an acrostic, an echo), no line that stands in the corpus; and what
gives way, in which order, when nothing is left to choose. Does not know: models, sampling, separators
between lines, what a verse is about.

Which pattern of a form a verse follows is not chosen beforehand: all that are still possible stay
alive and the characters written narrow them; only forced characters rule out those they fit worse than
others. When no character satisfies everything at a position, constraints are given up there, one more
at a time in the order of RELAXATION; the next position starts with all of them again. Length is never
given up.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from engine.facts.pingshui import UNKNOWN, Book, Reading, reading, readings, rhyme_groups
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
        self.tones: dict[str, Flags] = {
            "平": np.array([entry.level for entry in entries]),
            "仄": np.array([entry.oblique for entry in entries]),
        }
        self.ids = {character: token for token, character in enumerate(self.characters) if character}
        self.letters = letters(character if len(character) == 1 else " " for character in characters)
        self._entries = entries
        self._members: dict[tuple[Book, str], Flags] = {}
        self._unions: dict[tuple[Book, str, frozenset[str]], Flags] = {}

    def plan(
        self, form: Form, forced: Mapping[int, int] | None = None, avoid: str = "", group: str = ""
    ) -> VersePlan:
        """`forced`: position from 0 → the id that must stand there. `avoid`: characters not to use.
        `group`: the group to rhyme in, where it has enough characters left.
        """
        return VersePlan(self, form, forced or {}, avoid, group)

    def members(self, book: Book, tone: str) -> Flags:
        """(G, V) which characters rhyme in which group of `rhyme_groups(book)` when read 平 or 仄."""
        if (book, tone) not in self._members:
            owns = [entry.rhymes(book, tone) for entry in self._entries]
            self._members[book, tone] = np.array(
                [[name in own for own in owns] for name in rhyme_groups(book)]
            )
        return self._members[book, tone]

    def rhyming(self, book: Book, tone: str, groups: frozenset[str]) -> Flags:
        """(V,) the characters of any of these groups. Shared: do not change it."""
        key = (book, tone, groups)
        if key not in self._unions:
            rows = [index for index, name in enumerate(rhyme_groups(book)) if name in groups]
            union: Flags = np.any(self.members(book, tone)[rows], axis=0)
            self._unions[key] = union
        return self._unions[key]


class VersePlan:
    """One verse being written: which characters may come next.

    Call `mask()`, choose an id, `advance(id)`, until `done`. At `at_line_end` the decoder puts its
    separator. An id that the mask forbids may be given too: what it breaks is then named in `relaxed`,
    as it is for a forced one.
    """

    def __init__(
        self, rules: VerseRules, form: Form, forced: Mapping[int, int], avoid: str, group: str = ""
    ) -> None:
        self.rules, self.form, self._wanted = rules, form, group
        self.lines: list[str] = [""]
        self._lengths = form.lengths
        self._forced, self._echoes = dict(forced), dict(form.echoes)
        self._avoided = {rules.ids[character] for character in avoid if character in rules.ids}
        self._free = rules.known.copy()  # (V,) known and not yet used
        self._free[[*self._avoided, *self._forced.values()]] = False
        self._base = self._free.copy()
        self._used = set(self._avoided)
        self._tokens: list[int] = []
        self._patterns = self._fittest_patterns()
        self._groups: dict[int, frozenset[str]] = {}  # rhyme → the groups it may still be in, once begun
        self._rhymes: list[int] = []
        self._broken: set[str] = set()
        self._begin_line()

    @property
    def done(self) -> bool:
        return self._column == self._size and len(self.lines) == len(self._lengths)

    @property
    def position(self) -> int:
        """How many characters have been written."""
        return len(self._tokens)

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
        given = self._given
        if given is not None:
            only = torch.zeros(len(self.rules.known), dtype=torch.bool)
            only[given] = True
            return only
        choices = self._novel(self._fitting(self._states) & self._free)
        if not self._at_rhyme:
            choices = self._less_reserved(choices)
        choices = self._not_said_before(choices)
        # Arrays inside, a tensor outside: numpy's small operations cost a third of torch's.
        return torch.from_numpy(choices if choices.any() else self._relaxed_choices())

    def _not_said_before(self, choices: Flags) -> Flags:
        """The choices less those that would say a word of two characters again, where any are left.

        Characters may come again in a 词; the same image in every line is no verse.
        """
        if not self.form.recurring or not self._column:
            return choices
        said = [b for a, b in itertools.pairwise(self._tokens) if a == self._tokens[-1]]
        if not said:
            return choices
        fresh = choices.copy()
        fresh[said] = False
        return fresh if fresh.any() else choices

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
        self._tokens.append(token)
        self.lines[-1] += character
        self._column += 1
        if self._column == self._size:
            if self.rules.corpus is not None and self.lines[-1] in self.rules.corpus:
                self._broken.add("corpus")
            if len(self.lines) < len(self._lengths):
                self.lines.append("")
                self._begin_line()

    @property
    def _given(self) -> int | None:
        """The id that must come next, if one must."""
        if self.position in self._echoes:
            return self._tokens[self._echoes[self.position]]
        return self._forced.get(self.position)

    def _fittest_patterns(self) -> list[int]:
        """The patterns that the forced characters break least."""
        misses = [0] * len(self.form.patterns)
        for position, token in self._forced.items():
            row, column = 0, position
            while column >= self._lengths[row]:
                row, column = row + 1, column - self._lengths[row]
            entry = reading(self.rules.characters[token])
            for index, pattern in enumerate(self.form.patterns):
                misses[index] += not any(fits(entry, text[column]) for text in pattern.lines[row].written)
        return [index for index, count in enumerate(misses) if count == min(misses)]

    def _begin_line(self) -> None:
        row = len(self.lines) - 1
        self._column, self._size = 0, self._lengths[row]
        lines = [(index, self.form.patterns[index].lines[row]) for index in self._patterns]
        self._states: list[_State] = [(index, text) for index, line in lines for text in line.written]
        self._loose: list[_State] = [(index, line.loose) for index, line in lines]
        self._opened: dict[int, frozenset[str]] = {}
        if self.form.recurring:
            # A rhyme never comes twice; any other character may, in another line.
            self._free = self._base.copy()
            self._free[self._rhymes] = False
            self._used = {*self._avoided, *self._rhymes}

    @property
    def _at_rhyme(self) -> bool:
        return self._column == self._size - 1 and any(
            self._rhyme(index) is not None for index in self._patterns
        )

    def _rhyme(self, pattern: int) -> int | None:
        """Which rhyme the current line has in a pattern."""
        return self.form.patterns[pattern].lines[len(self.lines) - 1].rhyme

    def _left(self, rhyme: int) -> dict[str, int]:
        """Tone → how many rhymes are still to be written, at most, this line's among them."""
        row, starts = len(self.lines) - 1, self.position - self._column
        left = {"平": 0, "仄": 0}
        for index in self._patterns:
            counts = {"平": 0, "仄": 0}
            start = starts
            for line in self.form.patterns[index].lines[row:]:
                if line.rhyme == rhyme and start not in self._echoes:
                    counts[line.loose[-1]] += 1
                start += len(line.loose)
            left = {tone: max(left[tone], counts[tone]) for tone in left}
        return left

    def _groups_of(self, rhyme: int) -> frozenset[str]:
        """The groups that a rhyme may be in: before it begins, those with enough characters."""
        if rhyme in self._groups:
            return self._groups[rhyme]
        if rhyme not in self._opened:
            left, book = self._left(rhyme), self.form.book
            counts = {
                tone: (self.rules.members(book, tone) & self._free).sum(1) for tone, n in left.items() if n
            }
            names = rhyme_groups(book)
            opened = list(names)
            for spare in (SPARE_RHYMES, 0, None):
                opened = [
                    name
                    for index, name in enumerate(names)
                    if all(
                        count[index] >= (1 if spare is None else left[tone] + spare)
                        for tone, count in counts.items()
                    )
                ]
                if opened:
                    break
            self._opened[rhyme] = frozenset([self._wanted] if self._wanted in opened else opened)
        return self._opened[rhyme]

    def _fitting(self, states: Iterable[_State]) -> Flags:
        """(V,) the characters whose tone, and at a rhyme whose group, some state allows. Do not change."""
        rules, ends = self.rules, self._column == self._size - 1
        wanted, rhymes = set(), set()
        for pattern, template in states:
            rhyme = self._rhyme(pattern) if ends else None
            if rhyme is None:
                wanted.add(template[self._column])
            else:
                rhymes.add((rhyme, template[-1]))
        found = rules.known
        if wanted == {"平"} or wanted == {"仄"} or not wanted:
            found = rules.tones[wanted.pop()] if wanted else np.zeros_like(found)
        for rhyme, tone in rhymes:
            found = found | rules.rhyming(self.form.book, tone, self._groups_of(rhyme))
        return found

    def _less_reserved(self, choices: Flags) -> Flags:
        """The choices less the rhymes that a group cannot spare, where others are left."""
        for rhyme, groups in self._groups.items():
            for tone, left in self._left(rhyme).items():
                if left:
                    rhyming = self.rules.rhyming(self.form.book, tone, groups)
                    if (rhyming & self._free).sum() <= left + SPARE_RHYMES:
                        kept = choices & ~rhyming
                        choices = kept if kept.any() else choices
        return choices

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
        rules, book = self.rules, self.form.book
        rhymes = {
            (rhyme, text[-1])
            for index, text in self._loose
            if self._at_rhyme and (rhyme := self._rhyme(index)) is not None
        }
        bases = [self._fitting(self._states), self._fitting(self._loose)]
        for rhyme, tone in rhymes:
            bases.append(rules.rhyming(book, tone, self._groups.get(rhyme, frozenset(rhyme_groups(book)))))
        bases += [rules.tones[tone] for _, tone in rhymes]
        bases.append(rules.known)
        if self._at_rhyme:
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
            rhyming = [state for state in states if self._rhyme(state[0]) is not None]
            # All patterns of a form agree on a line's rhyme and its tone, where it has one.
            for rhyme in {rhyme for index, _ in rhyming if (rhyme := self._rhyme(index)) is not None}:
                states = self._narrowed_by_rhyme(entry, states, rhyming, rhyme)
        self._states, self._loose = states, loose
        self._patterns = sorted({pattern for pattern, _ in states})

    def _narrowed_by_rhyme(
        self, entry: Reading, states: list[_State], rhyming: list[_State], rhyme: int
    ) -> list[_State]:
        own = entry.rhymes(self.form.book, rhyming[0][1][-1])
        groups = self._groups_of(rhyme) & own or (frozenset() if rhyme in self._groups else own)
        if groups:
            self._groups[rhyme] = groups
            return rhyming
        if len(rhyming) < len(states):
            return [state for state in states if state not in rhyming]
        self._broken.add("rhyme")
        return states

    def _use(self, token: int) -> None:
        if self.position in self._echoes and token == self._given:
            return
        if token in self._used:
            self._broken.add("repeat")
        self._used.add(token)
        self._free[token] = False
        if self._at_rhyme:
            self._rhymes.append(token)
