"""Which parts of 词林正韵, the rhymes of ci, a character belongs to, by the tone it is read in.

Knows: cilin.json (made by make_ci from the published table). Does not know: the thirty level groups
of regulated verse (engine.facts.pingshui), verse forms.
"""

from __future__ import annotations

import functools
import json

from engine.facts import read_text


@functools.cache
def _table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = json.loads(read_text("cilin.json"))
    return table


@functools.cache
def parts() -> tuple[str, ...]:
    """The names of the nineteen parts in their order; the last five hold entering tones only."""
    return tuple(_table())


@functools.cache
def parts_of() -> dict[str, dict[str, frozenset[str]]]:
    """平 or 仄 → character → its parts. Rising and departing tones share a part."""
    found: dict[str, dict[str, set[str]]] = {"平": {}, "仄": {}}
    for part, by_tone in _table().items():
        for tone, members in by_tone.items():
            for member in members:
                found[tone].setdefault(member, set()).add(part)
    return {
        tone: {member: frozenset(own) for member, own in placed.items()} for tone, placed in found.items()
    }
