"""A verse held against its form, character by character.

Knows: how well each pattern of a form is met, and what to call what is wrong. Does not know: how
verse is written (engine.verse), or the sentences for its rules (bot.wording has them). Needs no torch.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from engine import couplet
from engine.facts.pingshui import Book, Reading, reading, rhyme_groups
from engine.forms import COUPLET, Form, Line, Pattern
from engine.values import FormCheck, Mark, Problem

# What a Problem may name. "lines": a line is missing or too many; "character": no known reading;
# "repeat": the same rhyme twice; "same": a couplet's second line has a character of the first;
# "mirror": it repeats a character where the first does not, or does not where the first does.
RULES = (
    *("lines", "length", "character", "tone", "rhyme", "lone-level", "three-level-tail", "repeat"),
    *("same", "mirror"),
)


def fits(entry: Reading, wanted: str) -> bool:
    """Whether a character may stand where 平, 仄, 中 (either) or 只 (仄 in every reading) is wanted."""
    if wanted == "平":
        return entry.level
    return wanted == "中" or (entry.oblique and not (wanted == "只" and entry.level))


def verse_lines(text: str, form: Form | None = None) -> tuple[str, ...]:
    """The lines of a verse written with any punctuation and line breaks, without them.

    Where the form's lengths come out so, a comma 、 is a pause inside a line.
    """
    lines = tuple(part for part in re.split(r"[\W_]+", text) if part)
    if form is not None and tuple(map(len, lines)) != form.lengths:
        paused = tuple(part for part in re.split(r"[\W_]+", text.replace("、", "")) if part)
        return paused if tuple(map(len, paused)) == form.lengths else lines
    return lines


def check(lines: Sequence[str], form: Form, relaxed: tuple[str, ...] = ()) -> FormCheck:
    """Holds a verse against its form: the pattern it meets best, every mark and every problem.

    Punctuation around a line is ignored, and so are blank lines. A character that is read both ways
    counts as what the form asks. A couplet's second line is held against its first. A ci may also
    rhyme level in one group of 平水韵, as 晏殊's 一曲新词酒一杯 does. Stricter than tradition in two
    points: a first line may not rhyme in a neighbouring group, and the only exchange of tones
    accepted is 平平仄平仄. Milder in one: the repeated line of 如梦令 need not be repeated.
    """
    bare = [stripped for line in lines if (stripped := re.sub(r"^[\W_]+|[\W_]+$", "", line))]
    if form.name == COUPLET and bare:
        form = couplet.pair(bare[0])
    results = [_against(bare, pattern, form) for pattern in form.patterns]
    best = min(
        range(len(results)),
        key=lambda index: (
            len(results[index][1]),
            sum(problem.rule == "tone" for problem in results[index][1]),
            -sum(line.rhymes for line in form.patterns[index].lines),  # a rhyme that is there counts
        ),
    )
    marks, problems = results[best]
    if form.name == COUPLET and len(bare) > 1:
        problems = tuple(sorted({*problems, *couplet.faults(bare[0], bare[1])}, key=dataclasses.astuple))
    return FormCheck(form.name, not problems, form.patterns[best].name, relaxed, marks, problems, form.stanza)


def _against(
    lines: Sequence[str], pattern: Pattern, form: Form
) -> tuple[tuple[tuple[Mark, ...], ...], tuple[Problem, ...]]:
    groups = _rhyme_groups(lines, pattern, form.book)
    marks: list[tuple[Mark, ...]] = []
    problems: list[Problem] = []
    rhymed: set[str] = set()
    starts = [sum(form.lengths[:row]) for row in range(len(pattern.lines))]
    echoing = dict(form.echoes)
    for row in range(max(len(lines), len(pattern.lines))):
        number = row + 1
        if row >= len(lines) or row >= len(pattern.lines):
            problems.append(Problem(number, 0, "lines"))
            if row < len(lines):
                marks.append(tuple(Mark(c, "中", reading(c).tone, "", False) for c in lines[row]))
            continue
        text, line = lines[row], pattern.lines[row]
        entries = [reading(character) for character in text]
        template = line.loose
        if len(text) != len(line.loose):
            problems.append(Problem(number, 0, "length"))
            template = (line.loose + "中" * len(text))[: len(text)]
        else:
            template, faults = _tones(entries, line)
            problems += [Problem(number, position, rule) for position, rule in faults]
        in_rhyme, group = True, ""
        if line.rhyme is not None and len(text) == len(line.loose):
            group = groups.get(line.rhyme, "")
            in_rhyme = group in _rhymes(entries[-1], form.book, line.loose[-1])
            if not in_rhyme and entries[-1].tone != "?":
                problems.append(Problem(number, len(text), "rhyme"))
            elif text[-1] in rhymed and not _echoes(lines, row, starts, echoing):
                problems.append(Problem(number, len(text), "repeat"))
                in_rhyme = False
            rhymed.add(text[-1])
        marks.append(
            tuple(
                Mark(
                    character,
                    wanted,
                    entry.tone,
                    group if column == len(line.loose) - 1 else "",
                    entry.tone != "?" and fits(entry, wanted) and (in_rhyme or column < len(text) - 1),
                )
                for column, (character, wanted, entry) in enumerate(zip(text, template, entries, strict=True))
            )
        )
    return tuple(marks), tuple(problems)


def _echoes(lines: Sequence[str], row: int, starts: Sequence[int], echoing: Mapping[int, int]) -> bool:
    """Whether a line ends as the line ends that its form has it repeat."""
    heard = echoing.get(starts[row])
    return heard in starts and lines[row][-1] == lines[starts.index(heard)][-1]


def _rhyme_groups(lines: Sequence[str], pattern: Pattern, book: Book) -> dict[int, str]:
    """Rhyme → the group that most of its lines share, the first line's where that is not decided."""
    counts: dict[int, dict[str, int]] = {}
    for text, line in zip(lines, pattern.lines, strict=False):
        if line.rhyme is not None and len(text) == len(line.loose):
            own = counts.setdefault(line.rhyme, {})
            for name in _rhymes(reading(text[-1]), book, line.loose[-1]):
                own[name] = own.get(name, 0) + 1
    return {rhyme: max(own, key=lambda name: own[name]) for rhyme, own in counts.items() if own}


def _rhymes(entry: Reading, book: Book, tone: str) -> list[str]:
    """The groups that a reader lets a character rhyme in, those of the form's own book first."""
    names = sorted(entry.rhymes(book, tone), key=rhyme_groups(book).index)
    others = entry.rhymes("pingshui", tone) - set(names)
    return names + sorted(others, key=rhyme_groups().index)


def _tones(entries: Sequence[Reading], line: Line) -> tuple[str, list[tuple[int, str]]]:
    """(the template to show, faults as (position from 1, rule)) of a line of the right length."""

    def misses(template: str) -> list[int]:
        return [
            column
            for column, (entry, wanted) in enumerate(zip(entries, template, strict=True))
            if entry.tone != "?" and not fits(entry, wanted)
        ]

    unknown = [(column + 1, "character") for column, entry in enumerate(entries) if entry.tone == "?"]
    template = min((*line.written, *line.read), key=lambda text: len(misses(text)))
    if not misses(template):
        return template.replace("只", "仄"), unknown
    wrong = misses(line.loose)
    # The bare alternation holds or is broken on its own; what is left over is the fault of the tail.
    open_columns = {column for column, wanted in enumerate(line.loose) if wanted == "中"}
    tails = [open_columns.intersection(misses(text)) for text in (*line.written, *line.read)]
    faults = [(column + 1, "tone") for column in wrong]
    if all(tails) and not any(column >= len(entries) - 4 for column in wrong):
        rule = "three-level-tail" if line.loose.endswith("平平") else "lone-level"
        faults.append((min(tails[0]) + 1, rule))
    return line.written[0], sorted(faults + unknown)
