"""How a character may be read in verse: level (平) or oblique (仄), and its 平水韵 rhyme groups.

Knows: pingshui.json, and what to answer for characters that it lacks (a traditional form is read
as its simplified one, a modern character by its modern tone). Does not know: verse forms.
"""

from __future__ import annotations

import functools
import json
from typing import NamedTuple

from engine.facts import read_text


class Reading(NamedTuple):
    """All readings of one character. `groups`: the level-tone rhyme groups that hold it."""

    level: bool
    oblique: bool
    groups: frozenset[str]

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
    return {
        character: Reading(
            character in groups, character in oblique, frozenset(groups.get(character, set()) - {UNPLACED})
        )
        for character in sorted(groups.keys() | oblique)
    }


@functools.cache
def rhyme_groups() -> tuple[str, ...]:
    """The names of the thirty level-tone groups, in their order."""
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
