"""Verse forms as data: lines as templates of 平, 仄 and 中 (either), with their rhymes.

Knows: which rows of templates make a form, and its names. Does not know: which character is level
or oblique (engine.facts.pingshui), how a form is kept in writing (engine.verse) or checked
(engine.verse_check), forms made for one occasion (engine.couplet).

A form is a set of patterns, a pattern a row of lines. 孤平 and 三平尾 need no rule of their own: no
template of a line allows them. A new form is a new entry in FORMS. The 词牌 are read off the corpus:
engine/facts/ci.json, made by make_ci.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import UnknownForm
from engine.facts import read_text
from engine.facts.pingshui import Book

COUPLET = "duilian"
ACROSTIC = "cangtou"
LUSHI = ("wulv", "qilv")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a pattern.

    `written`: the templates decoding follows. `read`: more that tradition accepts and the checker
    does too. `loose`: the bare alternation that stays when 孤平 and 三平尾 are given up. `rhyme`: the
    number of the rhyme it shares with other lines, None where it has none; the template's last tone
    is that of the rhyme. `mark`: what ends it in print, "" where lines go in pairs. `pause`: the
    characters before 、 inside it, 0 for none.
    """

    written: tuple[str, ...]
    read: tuple[str, ...]
    loose: str
    rhyme: int | None = None
    mark: str = ""
    pause: int = 0

    @property
    def rhymes(self) -> bool:
        return self.rhyme is not None


@dataclass(frozen=True, slots=True)
class Pattern:
    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """`tag`: what models call it. `book`: whose rhymes it goes by. `stanza`: the first line of its
    second stanza, from 0; 0 where there is but one. `recurring`: whether a character may come again in
    another line (never in the same one). `echoes`: (position, earlier position) of characters, counted
    from 0 over all lines, where the earlier one comes again.
    """

    name: str
    title: str
    patterns: tuple[Pattern, ...]
    aliases: tuple[str, ...] = ()
    tag: str = ""
    book: Book = "pingshui"
    stanza: int = 0
    recurring: bool = False
    echoes: tuple[tuple[int, int], ...] = ()

    @property
    def facing(self) -> tuple[tuple[int, int], ...]:
        """The lines, from 0, that should be parallel: a couplet's, and the middle ones of a lüshi."""
        if self.name == COUPLET:
            return ((0, 1),)
        return ((2, 3), (4, 5)) if self.name in LUSHI else ()

    @property
    def lengths(self) -> tuple[int, ...]:
        """Characters of each line."""
        return tuple(len(line.loose) for line in self.patterns[0].lines)


def _line(kind: str, size: int, rhymes: bool) -> Line:
    """The four kinds of line, five characters; seven put the opposite tone before them.

    B splits in two so that 仄平仄仄平 (孤平) fits neither. C is also read with three obliques at its
    end, and as 平平仄平仄, the customary exchange that one in eight such lines of Tang and Song has.
    """
    written, read, loose = {
        "A": (("中仄中平仄",), (), "中仄中平仄"),
        "B": (("平平中仄平", "中平平仄平"), (), "中平中仄平"),
        "C": (("中平平仄仄",), ("中平仄仄仄", "平平只平仄"), "中平中仄仄"),
        "D": (("中仄仄平平",), (), "中仄中平平"),
    }[kind]
    head = "" if size == 5 else ("中平" if loose[1] == "仄" else "中仄")
    return Line(
        tuple(head + template for template in written),
        tuple(head + template for template in read),
        head + loose,
        0 if rhymes else None,
    )


def _regulated(size: int, count: int) -> tuple[Pattern, ...]:
    """Four or eight lines: 对 within a couplet, 粘 between couplets, the second of each rhymes."""
    # The name says how the first line begins: its second character's tone.
    oblique, level = ("仄起", "平起") if size == 5 else ("平起", "仄起")
    rhymed = range(1, count, 2)
    rows = (
        (f"{oblique}首句不入韵", "ABCD", "ABCD", rhymed),
        (f"{oblique}首句入韵", "DBCD", "ABCD", (0, *rhymed)),
        (f"{level}首句不入韵", "CDAB", "CDAB", rhymed),
        (f"{level}首句入韵", "BDAB", "CDAB", (0, *rhymed)),
    )
    return tuple(
        Pattern(
            name,
            tuple(
                _line(kind, size, index in rhyming) for index, kind in enumerate((first + following)[:count])
            ),
        )
        for name, first, following, rhyming in rows
    )


def couplet(size: int) -> Form:
    """Both lines of a 对联 of 5 or 7 characters: the couplets that end oblique, then level."""
    oblique, level = ("仄起", "平起") if size == 5 else ("平起", "仄起")
    return Form(
        COUPLET,
        "对联",
        tuple(
            Pattern(name, tuple(_line(kind, size, False) for kind in kinds))
            for name, kinds in ((oblique, "AB"), (level, "CD"))
        ),
        ("对联", "对子", "楹联"),
    )


def _ci(name: str, facts: dict[str, Any]) -> Form:
    lines: Sequence[dict[str, Any]] = facts["lines"]
    tones: dict[int, set[str]] = {}
    for line in lines:
        if line["rhyme"] is not None:
            tones.setdefault(line["rhyme"], set()).add(line["template"][-1])
    starts = [sum(facts["lengths"][:row]) for row in range(len(lines))]
    return Form(
        name,
        name,
        (
            Pattern(
                _rhyming(list(tones.values())),
                tuple(
                    Line(
                        (line["template"],),
                        (),
                        line["template"],
                        line["rhyme"],
                        line["mark"],
                        line.get("pause", 0),
                    )
                    for line in lines
                ),
            ),
        ),
        book="cilin",
        stanza=facts["break"] or 0,
        recurring=True,
        echoes=tuple(
            (starts[row] + column, starts[line["echo"]] + column)
            for row, line in enumerate(lines)
            if "echo" in line
            for column in range(len(line["template"]))
        ),
    )


def _rhyming(tones: Sequence[set[str]]) -> str:
    """How a ci rhymes, in tradition's words."""
    if any(len(own) > 1 for own in tones):
        return "平仄韵通叶"
    if len(set().union(*tones)) > 1:
        return "平仄韵转换"
    return "平韵" if tones[0] == {"平"} else "仄韵"


def _all() -> tuple[Form, ...]:
    facts: dict[str, dict[str, Any]] = json.loads(read_text("ci.json"))
    return (
        Form("wujue", "五绝", _regulated(5, 4), ("五言绝句",)),
        Form("qijue", "七绝", _regulated(7, 4), ("七言绝句",)),
        Form("wulv", "五律", _regulated(5, 8), ("五言律诗", "wulü")),
        Form("qilv", "七律", _regulated(7, 8), ("七言律诗", "qilü")),
        Form(ACROSTIC, "藏头诗", _regulated(7, 4), ("藏头",), tag="qijue"),
        couplet(7),
        *(_ci(name, of_name) for name, of_name in facts.items()),
    )


FORMS: dict[str, Form] = {form.name: form for form in _all()}


def form_named(name: str) -> Form:
    """The form by its name, title or alias. Raises UnknownForm."""
    wanted = name.strip()
    for form in FORMS.values():
        if wanted.lower() == form.name or wanted.lower() in (form.title, *form.aliases):
            return form
    raise UnknownForm(form=name, known=", ".join(FORMS))
