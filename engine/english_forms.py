"""English forms as data, and verse held against them: syllables by line, rhymes by scheme.

Knows: haiku, couplet, quatrain; how many syllables a line may have, and what rhymes with what
(engine.facts.english_sounds). Does not know: how a form is kept in writing (engine.english_verse), or
the sentences for its rules. Needs no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.english import HAIKU, bare, tokens
from engine.facts.english_sounds import Sound, sounds, syllables
from engine.values import FormCheck, Mark, Problem

# What a Problem of an English verse may name. "unsure": a word that no table knows was estimated; it
# alone does not make a verse wrong. "repeat": a word rhymes with itself.
RULES = ("lines", "length", "rhyme", "repeat", "unsure")


ENGLISH_MODEL = "rhyme"  # the checkpoint that writes these forms


@dataclass(frozen=True, slots=True)
class Pattern:
    """Syllables a line, a rhyme letter a line ("" for none), and whether written lines are iambic."""

    lengths: tuple[int, ...]
    scheme: str = ""
    iambic: bool = False

    @property
    def name(self) -> str:
        return "-".join(map(str, self.lengths)) + (f" {self.scheme}" if self.scheme else "")

    def rhymes(self, row: int) -> str:
        """The letter of a line that another line rhymes with, else ""."""
        letter = self.scheme[row : row + 1]
        return letter if letter and self.scheme.count(letter) > 1 else ""


@dataclass(frozen=True, slots=True)
class EnglishForm:
    """`written`: the patterns decoding chooses from by seed. `read`: all that the checker accepts."""

    name: str
    title: str
    written: tuple[Pattern, ...]
    read: tuple[Pattern, ...]


def _rhymed(name: str, title: str, lengths: Sequence[tuple[int, ...]], schemes: Sequence[str]) -> EnglishForm:
    lines = len(schemes[0])
    even = [(size,) * lines for size in range(4, 15)]
    uneven = [one for one in lengths if len(set(one)) > 1]
    return EnglishForm(
        name,
        title,
        tuple(Pattern(one, scheme, True) for one in lengths for scheme in schemes if _written(one, scheme)),
        tuple(Pattern(one, scheme) for one in (*even, *uneven) for scheme in schemes),
    )


def _written(lengths: tuple[int, ...], scheme: str) -> bool:
    """Ballad lines pair a long line with a short one, so neighbours do not rhyme."""
    return not (len(set(lengths)) > 1 and scheme == "aabb")


FORMS: dict[str, EnglishForm] = {
    form.name: form
    for form in (
        EnglishForm("haiku", "haiku", (Pattern(HAIKU),), (Pattern(HAIKU),)),
        _rhymed("couplet", "rhymed couplet", ((8, 8), (10, 10)), ("aa",)),
        _rhymed("quatrain", "rhymed quatrain", ((8,) * 4, (8, 6, 8, 6), (10,) * 4), ("abab", "aabb", "abcb")),
    )
}


def english_form(name: str) -> EnglishForm | None:
    """The English form of this name, None when it names none."""
    return FORMS.get(name.strip().lower())


def check(lines: Sequence[str], form: EnglishForm, relaxed: tuple[str, ...] = ()) -> FormCheck:
    """Holds an English verse against its form: the pattern it meets best, a Mark a word, every problem.

    A word that is read in several ways counts as what the form asks. Mark.tone is the word's syllables,
    with "?" where they are an estimate; Mark.rhyme is the line's letter at its last word.
    """
    read = [words for line in lines if (words := bare(tokens(line)))]
    results = [_against(read, pattern) for pattern in form.read]
    best = min(range(len(results)), key=lambda index: len(results[index]))
    pattern, problems = form.read[best], results[best]
    marks = tuple(_marks(words, row, pattern, problems) for row, words in enumerate(read))
    unsure = [
        Problem(row + 1, place + 1, "unsure")
        for row, words in enumerate(read)
        for place, word in enumerate(words)
        if not sounds(word)
    ]
    found = tuple(sorted((*problems, *unsure), key=lambda problem: (problem.line, problem.position)))
    return FormCheck(form.name, not problems, pattern.name, relaxed, marks, found)


def _against(lines: Sequence[list[str]], pattern: Pattern) -> list[Problem]:
    problems = [
        Problem(row + 1, 0, "lines")
        for row in range(max(len(lines), len(pattern.lengths)))
        if not (row < len(lines) and row < len(pattern.lengths))
    ]
    first: dict[str, list[str]] = {}
    for row, (words, size) in enumerate(zip(lines, pattern.lengths, strict=False)):
        if size not in counts(words):
            problems.append(Problem(row + 1, 0, "length"))
        if letter := pattern.rhymes(row):
            earlier = first.setdefault(letter, [])
            if words[-1] in earlier:
                problems.append(Problem(row + 1, len(words), "repeat"))
            elif earlier and not rhymes(earlier[0], words[-1]):
                problems.append(Problem(row + 1, len(words), "rhyme"))
            earlier.append(words[-1])
    return problems


def _marks(words: Sequence[str], row: int, pattern: Pattern, problems: Sequence[Problem]) -> tuple[Mark, ...]:
    broken = {(problem.line, problem.position) for problem in problems}
    marks = []
    for place, word in enumerate(words, 1):
        found, known = syllables(word)
        shown = f"{sounds(word)[0].syllables if known else min(found)}{'' if known else '?'}"
        letter = pattern.rhymes(row) if place == len(words) else ""
        marks.append(Mark(word, "", shown, letter, (row + 1, place) not in broken))
    return tuple(marks)


def counts(words: Sequence[str]) -> frozenset[int]:
    """How many syllables a line may have, over all readings of its words."""
    sums = {0}
    for word in words:
        sums = {total + more for total in sums for more in syllables(word)[0]}
    return frozenset(sums)


def rhymes(one: str, other: str) -> bool:
    """Whether two words rhyme in some reading: alike from the last stressed vowel on, not before it.

    By spelling from the last vowel on where the table lacks one of them.
    """
    here, there = sounds(one), sounds(other)
    if here and there:
        return any(_alike(a, b) for a in here for b in there)
    ends = [re.search(r"[aeiouy]+[^aeiouy]*e?$", word) for word in (one, other)]
    return one != other and all(ends) and len({end[0] for end in ends if end}) == 1


def _alike(one: Sound, other: Sound) -> bool:
    same = one.rhyme.replace("2", "1") == other.rhyme.replace("2", "1")
    return same and one.onset != other.onset
