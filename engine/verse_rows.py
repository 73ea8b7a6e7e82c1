"""Rows of classical verse as forms: which tag a poem has, its rhyme, its lines and its words.

Knows: the forms that are learnt, by the lengths of their lines.
Does not know: examples, vocabularies, models.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine import text
from engine.facts import read_text
from engine.facts.pingshui import reading
from engine.reading import rows

TAGS = {(4, 5): "wujue", (4, 7): "qijue", (8, 5): "wulv", (8, 7): "qilv"}
"""(lines, characters a line) → the tag of the forms that have a rhyme tag."""
COUPLET_TAG = "duilian"
RHYME_TAG = "韵"
"""Before the name of a 平水韵 group: the tag of a rhyme."""
_SHORTEST_LINE = 4  # a line of three characters is a phrase that anybody may write again


def tag_of(row: dict[str, Any], lines: Sequence[str]) -> str | None:
    """The tag of a poem of bare `lines`: a form's name or a 词牌; None where neither is known."""
    lengths = tuple(map(len, lines))
    if row.get("form") == "ci":
        name = re.split("[·・ （(]", row.get("title", ""))[0]
        return name if lengths == ci_lengths().get(name) else None
    return TAGS.get((len(lines), lengths[0])) if len(set(lengths)) == 1 else None


def rhyme_tag(lines: Sequence[str]) -> str:
    """The tag of the level rhyme that every second line ends on, "" where there is none."""
    shared = frozenset.intersection(*(reading(line[-1]).groups for line in lines[1::2]))
    return f"{RHYME_TAG}{min(shared)}" if shared else ""


@functools.cache
def ci_lengths() -> dict[str, tuple[int, ...]]:
    """Characters of each line of the 词牌 that are known by name."""
    facts = json.loads(read_text("ci.json"))
    return {name: tuple(fact["lengths"]) for name, fact in facts.items()}


def all_lines(files: Iterable[Path]) -> Iterator[str]:
    """Every line of four characters or more in files of verse, whatever its poem's form, and every part of
    one between pauses (、).
    """
    for file in files:
        for row in rows(file):
            for written in row.get("lines", ()):
                parts = {text.han_only(part) for part in (written, *written.split("、"))}
                yield from sorted(part for part in parts if len(part) >= _SHORTEST_LINE)


def common_pairs(lines: Iterable[str], at_least: int = 25) -> set[str]:
    """Two-character words of classical verse: pairs at the rhythm's even places, common enough.

    Five-character lines break 2-3, seven-character lines 2-2-3 (and the last two either way).
    """
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(places(line))
    return {pair for pair, count in counts.items() if count >= at_least}


def places(line: str) -> list[str]:
    starts = {5: (0, 3), 7: (0, 2, 5)}.get(len(line), range(0, len(line) - 1, 2))
    return [line[start : start + 2] for start in starts]
