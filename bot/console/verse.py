"""Lays out a verse and its form check for a page.

Knows: which verse fits in columns, what to say of length, tones and rhyme, how a latent is drawn.
Does not know: the rules themselves (`engine` checks), HTML, words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot import syllables
from bot.wording import DEFAULT_LOCALE, in_characters_of
from engine import FormCheck, Mark, Reply, Task

COLUMN_LINES = 4
COLUMN_CHARACTERS = 8
"""A verse of at most this many lines and characters a line stands in columns, right to left."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One character: `wanted` is "" where nothing is known of its form."""

    character: str
    tone: str = ""
    wanted: str = ""
    rhyme: str = ""
    ok: bool = True
    problem: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A verse ready to be shown. `rhymes` has each group with its characters, in order."""

    lines: tuple[tuple[Cell, ...], ...]
    columns: bool
    lengths: tuple[int, ...]
    even: bool
    tones_ok: bool
    rhymes: tuple[tuple[str, str], ...]
    form: FormCheck | None
    syllabic: bool = False  # English verse: a cell is a word, a length counts syllables

    @property
    def characters(self) -> int:
        return sum(self.lengths)

    @property
    def texts(self) -> tuple[str, ...]:
        blank = " " if self.syllabic else ""
        return tuple(blank.join(cell.character for cell in line) for line in self.lines)


def sheet_of(reply: Reply, locale: str = DEFAULT_LOCALE) -> Sheet | None:
    """The sheet of a reply that is a verse, in the characters of a locale, else None."""
    form = reply.form
    if form is not None and syllables.is_syllabic(form):
        return _syllabic(reply, form)
    if form is not None:
        form = _written(form, locale)
    if form is not None and form.lines:
        broken = {(problem.line, problem.position) for problem in form.problems}
        lines = tuple(
            tuple(
                _cell(mark, (line_number, position) in broken or (line_number, 0) in broken)
                for position, mark in enumerate(marks, 1)
            )
            for line_number, marks in enumerate(form.lines, 1)
        )
    elif reply.lines:
        lines = tuple(tuple(map(Cell, in_characters_of(line, locale))) for line in reply.lines)
    else:
        return None
    lengths = tuple(len(line) for line in lines)
    rhymes: dict[str, str] = {}
    for line in lines:
        for cell in line:
            if cell.rhyme and not cell.problem:
                rhymes[cell.rhyme] = rhymes.get(cell.rhyme, "") + cell.character
    return Sheet(
        lines=lines,
        columns=len(lines) <= COLUMN_LINES and max(lengths) <= COLUMN_CHARACTERS,
        lengths=lengths,
        even=len(set(lengths)) == 1,
        tones_ok=all(cell.ok for line in lines for cell in line),
        rhymes=tuple(rhymes.items()),
        form=form,
    )


def _syllabic(reply: Reply, form: FormCheck) -> Sheet:
    """English verse: its words with their marks, as they were written, and the rhyme of each line."""
    broken = {(problem.line, problem.position) for problem in form.problems if problem.rule != "unsure"}
    lines, rhymes = [], dict[str, list[str]]()
    for number, (line, marks) in enumerate(zip(reply.lines or (), form.lines, strict=False), 1):
        words = line.split()
        bare = len(words) == len(marks)
        cells = [
            Cell(
                words[place] if bare else mark.character,
                rhyme=mark.rhyme,
                problem=(number, place + 1) in broken or (number, 0) in broken,
            )
            for place, mark in enumerate(marks)
        ]
        lines.append(tuple(cells))
        for mark in marks:
            if mark.rhyme:
                rhymes.setdefault(mark.rhyme, []).append(mark.character)
    lengths = syllables.counts(form)
    return Sheet(
        lines=tuple(lines),
        columns=False,
        lengths=lengths,
        even=len(set(lengths)) == 1,
        tones_ok=True,
        rhymes=tuple((letter, " ".join(words)) for letter, words in rhymes.items()),
        form=form,
        syllabic=True,
    )


def _written(form: FormCheck, locale: str) -> FormCheck:
    """A form check with its verse, rhymes and pattern in the characters of a locale."""
    lines = []
    for marks in form.lines:
        # a whole line at once: which traditional character it is depends on its neighbours
        characters = in_characters_of("".join(mark.character for mark in marks), locale)
        lines.append(
            tuple(
                dataclasses.replace(mark, character=character, rhyme=in_characters_of(mark.rhyme, locale))
                for mark, character in zip(marks, characters, strict=True)
            )
        )
    return dataclasses.replace(form, pattern=in_characters_of(form.pattern, locale), lines=tuple(lines))


def _cell(mark: Mark, problem: bool) -> Cell:
    return Cell(mark.character, mark.tone, mark.wanted, mark.rhyme, mark.ok, problem or not mark.ok)


def form_names(tasks: Mapping[str, Task], form: str) -> Mapping[str, str]:
    """The names of a form by locale, as the tasks' own choices give them."""
    for task in tasks.values():
        option = task.option("form")
        for choice in option.choices if option else ():
            if choice.value == form:
                return choice.names
    return {}


def latent_bars(latent: Sequence[float], height: int = 12) -> list[tuple[int, float, float]]:
    """A latent as bars about a middle line: (x, y, height) of each, in units of a small picture."""
    bars = []
    for place, value in enumerate(latent):
        length = min(abs(value) / 3.0, 1.0) * height
        bars.append(
            (place * 4, round(height - length if value >= 0 else height, 2), round(max(length, 0.4), 2))
        )
    return bars
