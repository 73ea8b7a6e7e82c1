"""A verse held against its form, character by character.

Knows: how well each pattern of a form is met, and what to call what is wrong. Does not know: how
verse is written (engine.verse), or the sentences for its rules (bot.wording has them). Needs no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.facts.pingshui import Reading, reading, rhyme_groups
from engine.forms import Form, Line, Pattern
from engine.values import FormCheck, Mark, Problem

# What a Problem may name. "lines": a line is missing or too many; "character": no known reading;
# "repeat": the same rhyme twice.
RULES = ("lines", "length", "character", "tone", "rhyme", "lone-level", "three-level-tail", "repeat")


def fits(entry: Reading, wanted: str) -> bool:
    """Whether a character may stand where 平, 仄, 中 (either) or 只 (仄 in every reading) is wanted."""
    if wanted == "平":
        return entry.level
    return wanted == "中" or (entry.oblique and not (wanted == "只" and entry.level))


def verse_lines(text: str) -> tuple[str, ...]:
    """The lines of a verse written with any punctuation and line breaks, without them."""
    return tuple(part for part in re.split(r"[\W_]+", text) if part)


def check(lines: Sequence[str], form: Form, relaxed: tuple[str, ...] = ()) -> FormCheck:
    """Holds a verse against its form: the pattern it meets best, every mark and every problem.

    Punctuation around a line is ignored, and so are blank lines. A character that is read both ways
    counts as what the form asks. Stricter than tradition in two points: a first line may not rhyme
    in a neighbouring group, and the only exchange of tones accepted is 平平仄平仄.
    """
    bare = [stripped for line in lines if (stripped := re.sub(r"^[\W_]+|[\W_]+$", "", line))]
    results = [_against(bare, pattern) for pattern in form.patterns]
    best = min(
        range(len(results)),
        key=lambda index: (
            len(results[index][1]),
            sum(problem.rule == "tone" for problem in results[index][1]),
            -sum(line.rhymes for line in form.patterns[index].lines),  # a rhyme that is there counts
        ),
    )
    marks, problems = results[best]
    return FormCheck(form.name, not problems, form.patterns[best].name, relaxed, marks, problems)


def _against(
    lines: Sequence[str], pattern: Pattern
) -> tuple[tuple[tuple[Mark, ...], ...], tuple[Problem, ...]]:
    group = _rhyme_group(lines, pattern)
    marks: list[tuple[Mark, ...]] = []
    problems: list[Problem] = []
    rhymed: set[str] = set()
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
        in_rhyme = True
        if line.rhymes and len(text) == len(line.loose):
            in_rhyme = group in entries[-1].groups
            if not in_rhyme and entries[-1].tone != "?":
                problems.append(Problem(number, len(text), "rhyme"))
            elif text[-1] in rhymed:
                problems.append(Problem(number, len(text), "repeat"))
                in_rhyme = False
            rhymed.add(text[-1])
        marks.append(
            tuple(
                Mark(
                    character,
                    wanted,
                    entry.tone,
                    group if line.rhymes and column == len(line.loose) - 1 else "",
                    entry.tone != "?" and fits(entry, wanted) and (in_rhyme or column < len(text) - 1),
                )
                for column, (character, wanted, entry) in enumerate(zip(text, template, entries, strict=True))
            )
        )
    return tuple(marks), tuple(problems)


def _rhyme_group(lines: Sequence[str], pattern: Pattern) -> str:
    """The group that most of the rhymes share, the first rhyme's where that is not decided."""
    counts: dict[str, int] = {}
    for text, line in zip(lines, pattern.lines, strict=False):
        if line.rhymes and len(text) == len(line.loose):
            for name in sorted(reading(text[-1]).groups, key=rhyme_groups().index):
                counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else ""


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
