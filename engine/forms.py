"""Verse forms as data: lines as templates of 平, 仄 and 中 (either), with their rhymes.

Knows: which rows of templates make a form, and its names. Does not know: which character is level
or oblique (engine.facts.pingshui), how a form is kept in writing (engine.verse) or checked
(engine.verse_check).

A form is a set of patterns, a pattern a row of lines. 孤平 and 三平尾 need no rule of their own: no
template of a line allows them. A new form is a new entry in FORMS.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import UnknownForm


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a pattern.

    `written`: the templates decoding follows. `read`: more that tradition accepts and the checker
    does too. `loose`: the bare alternation that stays when 孤平 and 三平尾 are given up.
    """

    written: tuple[str, ...]
    read: tuple[str, ...]
    loose: str
    rhymes: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Form:
    name: str
    title: str
    patterns: tuple[Pattern, ...]
    aliases: tuple[str, ...] = ()

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
        rhymes,
    )


def _quatrain(name: str, title: str, size: int, aliases: tuple[str, ...]) -> Form:
    # The name says how the first line begins: its second character's tone.
    oblique, level = ("仄起", "平起") if size == 5 else ("平起", "仄起")
    patterns = (
        (f"{oblique}首句不入韵", "ABCD", (1, 3)),
        (f"{oblique}首句入韵", "DBCD", (0, 1, 3)),
        (f"{level}首句不入韵", "CDAB", (1, 3)),
        (f"{level}首句入韵", "BDAB", (0, 1, 3)),
    )
    return Form(
        name,
        title,
        tuple(
            Pattern(label, tuple(_line(kind, size, index in rhymed) for index, kind in enumerate(kinds)))
            for label, kinds, rhymed in patterns
        ),
        aliases,
    )


FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        _quatrain("wujue", "五绝", 5, ("五绝", "五言绝句")),
        _quatrain("qijue", "七绝", 7, ("七绝", "七言绝句")),
    )
}


def form_named(name: str) -> Form:
    """The form by its name, title or alias. Raises UnknownForm."""
    wanted = name.strip()
    for form in FORMS.values():
        if wanted.lower() == form.name or wanted in (form.title, *form.aliases):
            return form
    raise UnknownForm(form=name, known=", ".join(FORMS))
