"""Prototypes for learning to edit: for an example, what was said to askings like its own.

Knows: likeness of askings (engine.likeness), overlap of replies.
Does not know: models, how a prototype is shown to one (engine.corpus), what is sent.

Editing is learnt from pairs of replies (Guu et al. 2018, "Generating Sentences by Editing
Prototypes"; Wu et al. 2019, "Response Generation by Context-aware Prototype Editing"): some are the
replies to the nearest askings, as a book finds them, others share the most with the reply itself, so
that there is something to take over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engine.likeness import Index, plain

_NEAR = 12  # nearest askings looked at
_BY_ASKING, _BY_REPLY = 2, 2  # prototypes kept of either kind
_LEAST, _MOST = 0.08, 0.8  # overlap of two replies: less shares nothing, more leaves nothing to edit


class Pair(Protocol):
    """An asking with its reply; `tags` say of which task and language it is."""

    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def context(self) -> tuple[str, ...]: ...
    @property
    def target(self) -> str: ...


def of_pairs(pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """For each pair with a context the prototypes to learn from, from pairs with the same tags."""
    found: list[tuple[str, ...]] = [()] * len(pairs)
    rooms: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        if pair.context:
            rooms[pair.tags].append(number)
    for numbers in rooms.values():
        replies: dict[str, list[str]] = defaultdict(list)
        for number in numbers:
            known = replies[plain(pairs[number].context[-1])]
            if pairs[number].target not in known:
                known.append(pairs[number].target)
        askings = list(replies)
        index = Index(askings)
        near = {
            asking: [askings[i] for i in np.argsort(-index.likeness(asking), kind="stable")[:_NEAR]]
            for asking in askings
        }
        for number in numbers:
            reply = pairs[number].target
            others = [
                other
                for asking in near[plain(pairs[number].context[-1])]
                for other in replies[asking]
                if other != reply
            ]
            found[number] = _chosen(reply, list(dict.fromkeys(others)))
    return found


def overlap(one: str, other: str) -> float:
    """Jaccard index of two texts' pairs of neighbouring characters, in [0, 1]."""
    a, b = ({text[i : i + 2] for i in range(len(text) - 1)} for text in (one, other))
    return len(a & b) / len(a | b) if a and b else 0.0


def _chosen(reply: str, others: Sequence[str]) -> tuple[str, ...]:
    shared = {other: overlap(reply, other) for other in others}
    fitting = sorted((o for o in others if _LEAST <= shared[o] <= _MOST), key=lambda o: -shared[o])
    usual = [o for o in others if shared[o] <= _MOST][:_BY_ASKING]
    return tuple(dict.fromkeys((*usual, *fitting[:_BY_REPLY])))
