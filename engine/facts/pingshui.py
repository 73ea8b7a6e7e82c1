"""How a character may be read in verse: level (平) or oblique (仄), and what it rhymes with.

Knows: pingshui.json, and what to answer for characters that it lacks (a traditional form is read
as its simplified one, a modern character by its modern tone). Does not know: verse forms.
"""

from __future__ import annotations

import functools
import json
from typing import Literal, NamedTuple

from engine.facts import cilin, read_text

Book = Literal["pingshui", "cilin"]
"""The rhymes that a form goes by: 平水韵 for regulated verse, 词林正韵 for ci."""


class Reading(NamedTuple):
    """All readings of one character.

    `groups`: the level-tone groups of 平水韵 that hold it. `level_parts`, `oblique_parts`: the parts of
    词林正韵 that it rhymes in when read so.
    """

    level: bool
    oblique: bool
    groups: frozenset[str]
    level_parts: frozenset[str] = frozenset()
    oblique_parts: frozenset[str] = frozenset()

    def rhymes(self, book: Book, tone: str) -> frozenset[str]:
        """The groups it rhymes in when read 平 or 仄; regulated verse has level rhymes only."""
        if book == "cilin":
            return self.level_parts if tone == "平" else self.oblique_parts
        return self.groups if tone == "平" else frozenset()

    @property
    def tone(self) -> str:
        """平, 仄, 中 (read both ways) or ? (unknown)."""
        return {(True, True): "中", (True, False): "平", (False, True): "仄"}.get(
            (self.level, self.oblique), "?"
        )


UNKNOWN = Reading(False, False, frozenset())
UNPLACED = "未详平声"  # level characters whose group is not known: they do not rhyme


@functools.cache
def readings() -> dict[str, Reading]:
    """Every character of the tables with its readings, about 8,700."""
    tables: dict[str, dict[str, str]] = json.loads(read_text("pingshui.json"))
    groups: dict[str, set[str]] = {}
    for name, members in tables["level"].items():
        for member in members:
            groups.setdefault(member, set()).add(name)
    oblique = {
        member
        for tone in ("rising", "departing", "entering")
        for members in tables[tone].values()
        for member in members
    }
    parts, nothing = cilin.parts_of(), frozenset[str]()
    return {
        character: Reading(
            character in groups,
            character in oblique,
            frozenset(groups.get(character, set()) - {UNPLACED}),
            parts["平"].get(character, nothing),
            parts["仄"].get(character, nothing),
        )
        for character in sorted(groups.keys() | oblique)
    }


@functools.cache
def rhyme_groups(book: Book = "pingshui") -> tuple[str, ...]:
    """The names of a book's groups in their order: thirty level-tone ones, or nineteen parts."""
    if book == "cilin":
        return cilin.parts()
    tables: dict[str, dict[str, str]] = json.loads(read_text("pingshui.json"))
    return tuple(name for name in tables["level"] if name != UNPLACED)


@functools.lru_cache(maxsize=4096)
def reading(character: str) -> Reading:
    """How one character is read; UNKNOWN for what is not a Chinese character."""
    known = readings().get(character)
    if known is not None:
        return known
    if len(character) != 1 or not _is_han(character):
        return UNKNOWN
    simplified = _simplifier().convert(character)
    if simplified in readings():
        return readings()[simplified]
    return _modern(character)


def _is_han(character: str) -> bool:
    return "㐀" <= character <= "鿿" or "𠀀" <= character <= "𳎯"


@functools.cache
def _simplifier():  # type: ignore[no-untyped-def]  # opencc has no types
    from opencc import OpenCC

    return OpenCC("t2s")


def _modern(character: str) -> Reading:
    from pypinyin import Style, pinyin

    spellings = pinyin(character, style=Style.TONE3, heteronym=True, errors="ignore")
    tones = {spelling[-1] for spelling in (spellings[0] if spellings else [])}
    return Reading(bool(tones & {"1", "2"}), bool(tones & {"3", "4"}), frozenset())
