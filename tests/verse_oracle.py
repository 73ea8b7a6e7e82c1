"""A second checker of quatrains, written from the rules of regulated verse and nothing else.

Knows: 2-4-6 alternate, 对 and 粘 tie the lines, level lines rhyme in one group, 三平尾 and 孤平 are
faults, 平平仄平仄 is the one customary exchange and needs a third that is oblique in every reading.
It shares the tables with engine.verse and no code: where both agree, an error would have to be
made twice.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import engine.facts

LEVEL, OBLIQUE = "平", "仄"


@functools.cache
def tables() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """(character → tones it has, character → level groups it rhymes in)."""
    path = Path(engine.facts.__file__).with_name("pingshui.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    tones: dict[str, set[str]] = {}
    groups: dict[str, set[str]] = {}
    for part in ("level", "rising", "departing", "entering"):
        for name, members in data[part].items():
            for member in members:
                tones.setdefault(member, set()).add(LEVEL if part == "level" else OBLIQUE)
                if part == "level" and not name.startswith("未详"):
                    groups.setdefault(member, set()).add(name)
    return tones, groups


def other(tone: str) -> str:
    return OBLIQUE if tone == LEVEL else LEVEL


def faults(lines: list[str], size: int) -> list[tuple[int, int, str]]:
    """The faults (line, position, rule) of the reading that has fewest; empty for a regular quatrain."""
    if len(lines) != 4 or any(len(line) != size for line in lines):
        return [(0, 0, "length")]
    if any(character not in tables()[0] for line in lines for character in line):
        return [(0, 0, "character")]
    readings = [_faults(lines, second, rhymes) for second in (LEVEL, OBLIQUE) for rhymes in (True, False)]
    return min(readings, key=len)


def _faults(lines: list[str], second: str, first_rhymes: bool) -> list[tuple[int, int, str]]:
    tones, groups = tables()
    found: list[tuple[int, int, str]] = []
    # 对 within a couplet, 粘 between couplets: t, opposite, opposite, t.
    seconds = [second, other(second), other(second), second]
    rhyming = [first_rhymes, True, False, True]
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
