"""A second checker of verse, written from the rules and nothing else.

Knows: in regulated verse 2-4-6 alternate, 对 and 粘 tie the lines, level lines rhyme in one group, 三平尾
and 孤平 are faults, 平平仄平仄 is the one customary exchange and needs a third that is oblique in every
reading; in ci every position has its tone and every rhyme its part; in a couplet the even places and the
ends oppose, and the answer has no character of the first line but answers its repetitions.
It shares the tables with engine.verse and no code: where both agree, an error would have to be
made twice.
"""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import Any

import engine.facts

LEVEL, OBLIQUE = "平", "仄"
Fault = tuple[int, int, str]
REGULATED = {"wujue": (4, 5), "qijue": (4, 7), "wulv": (8, 5), "qilv": (8, 7), "cangtou": (4, 7)}


def facts(name: str) -> Any:
    return json.loads(Path(engine.facts.__file__).with_name(name).read_text(encoding="utf-8"))


@functools.cache
def tables() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """(character → tones it has, character → level groups it rhymes in)."""
    data = facts("pingshui.json")
    tones: dict[str, set[str]] = {}
    groups: dict[str, set[str]] = {}
    for part in ("level", "rising", "departing", "entering"):
        for name, members in data[part].items():
            for member in members:
                tones.setdefault(member, set()).add(LEVEL if part == "level" else OBLIQUE)
                if part == "level" and not name.startswith("未详"):
                    groups.setdefault(member, set()).add(name)
    return tones, groups


@functools.cache
def ci_parts() -> dict[tuple[str, str], set[str]]:
    """(character, tone) → what it rhymes with in ci: parts, and level also by the groups of shi."""
    found: dict[tuple[str, str], set[str]] = {}
    for part, by_tone in facts("cilin.json").items():
        for tone, members in by_tone.items():
            for member in members:
                found.setdefault((member, tone), set()).add(part)
    for member, groups in tables()[1].items():
        found.setdefault((member, LEVEL), set()).update(groups)
    return found


def other(tone: str) -> str:
    return OBLIQUE if tone == LEVEL else LEVEL


def faults(lines: list[str], form: str) -> list[Fault]:
    """The faults (line, position, rule) of the reading that has fewest; empty for a regular verse."""
    if form == "duilian":
        return _couplet_faults(lines)
    if form in REGULATED:
        count, size = REGULATED[form]
        lengths = [size] * count
    else:
        lengths = facts("ci.json")[form]["lengths"]
    if [len(line) for line in lines] != lengths:
        return [(0, 0, "length")]
    if any(character not in tables()[0] for line in lines for character in line):
        return [(0, 0, "character")]
    if form not in REGULATED:
        return _ci_faults(lines, form)
    readings = [_faults(lines, second, rhymes) for second in (LEVEL, OBLIQUE) for rhymes in (True, False)]
    return min(readings, key=len)


def _ci_faults(lines: list[str], form: str) -> list[Fault]:
    tones = tables()[0]
    found: list[Fault] = []
    rhymes: dict[int, list[tuple[int, str, str]]] = {}
    for number, (line, model) in enumerate(zip(lines, facts("ci.json")[form]["lines"], strict=True), 1):
        for place, (character, wanted) in enumerate(zip(line, model["template"], strict=True), 1):
            if wanted in (LEVEL, OBLIQUE) and wanted not in tones[character]:
                found.append((number, place, "tone"))
        # A line that repeats the one before it repeats its rhyme too, and that is no fault.
        repeats = "echo" in model and line[-1] == lines[model["echo"]][-1]
        if model["rhyme"] is not None and not repeats:
            rhymes.setdefault(model["rhyme"], []).append((number, line[-1], model["template"][-1]))
    for own in rhymes.values():
        if not set.intersection(*(ci_parts().get((word, tone), set()) for _, word, tone in own)):
            found.append((own[0][0], 0, "rhyme"))
    words = [word for own in rhymes.values() for _, word, _ in own]
    if len(set(words)) < len(words):
        found.append((0, 0, "repeat"))
    return found


def _couplet_faults(lines: list[str]) -> list[Fault]:
    if len(lines) != 2 or len(lines[0]) != len(lines[1]):
        return [(0, 0, "length")]
    tones = tables()[0]
    first, second = lines
    found: list[Fault] = []
    for place in range(1, len(first) + 1):
        above, below = first[place - 1], second[place - 1]
        if below not in tones:
            found.append((2, place, "character"))
        elif place == len(first) and len(tones.get(above, ())) != 1:
            if LEVEL not in tones[below]:
                found.append((2, place, "tone"))
        elif (place % 2 == 0 or place == len(first)) and not (
            {other(tone) for tone in tones.get(above, {LEVEL, OBLIQUE})} & tones[below]
        ):
            found.append((2, place, "tone"))
        if below in first:
            found.append((2, place, "same"))
    for one, later in itertools.combinations(range(len(first)), 2):
        if (first[one] == first[later]) != (second[one] == second[later]):
            found.append((2, later + 1, "mirror"))
    return found


def _faults(lines: list[str], second: str, first_rhymes: bool) -> list[Fault]:
    tones, groups = tables()
    found: list[Fault] = []
    # 对 within a couplet, 粘 between couplets: t, opposite, opposite, t, and again.
    seconds = [second, other(second), other(second), second] * (len(lines) // 4)
    rhyming = [first_rhymes, True, *[False, True] * (len(lines) // 2 - 1)]
    for number, (line, start, rhymes) in enumerate(zip(lines, seconds, rhyming, strict=True), 1):
        size = len(line)
        required = {1: start, 3: other(start), size - 1: LEVEL if rhymes else OBLIQUE}
        if size == 7:
            required[5] = start
        tail = line[-5:]
        tail_second = start if size == 5 else other(start)
        if not rhymes and tail_second == LEVEL:
            exchanged = [LEVEL, LEVEL, OBLIQUE, LEVEL, OBLIQUE]
            possible = all(tone in tones[character] for tone, character in zip(exchanged, tail, strict=True))
            if possible and LEVEL not in tones[tail[2]]:
                required.pop(size - 2)
        wrong = {column for column, tone in required.items() if tone not in tones[line[column]]}
        found += [(number, column + 1, "tone") for column in wrong]
        if rhymes and tail_second == LEVEL and LEVEL not in tones[tail[0]] | tones[tail[2]]:
            # 孤平: but for the rhyme, one level character alone between obliques.
            found.append((number, size - 4, "lone-level"))
        if rhymes and tail_second == OBLIQUE and OBLIQUE not in tones[tail[2]]:
            # The last two are read level, so a third that is only level makes the tail.
            found.append((number, size - 2, "three-level-tail"))
    rhymes_at = [number for number, rhymes in enumerate(rhyming) if rhymes]
    words = [lines[number][-1] for number in rhymes_at]
    if not set.intersection(*(groups.get(word, set()) for word in words)):
        found.append((0, 0, "rhyme"))
    if len(set(words)) < len(words):
        found.append((0, 0, "repeat"))
    return sorted(set(found))
