"""How likely a text answers what was said in a chat, and which replies of the book are worth a draft.

Knows: relevance (`engine.relevance`), the likeness of what the book was asked, what a rater found fitting.
Does not know: how well a text is written, models, which draft is sent.

Where no entry of the book is right, the second or third nearest may have a reply that fits all the same, and
of an entry's replies one in six does not answer this very asking. So more are read than become drafts.
What a model writes word for word as one of them is judged as the book's: most of what it writes is.

Fitted to 2,752 replies to 370 askings that nothing was learnt from, judged by the rules of
`tests/bench/relevance.py` (one rater, a language model): AUC 0.81 of the book's replies, 0.76 of what is
written beside it. Before the biases were raised by 0.45, of replies that were the best of theirs 38 % fitted
where the chance was 0.175 to 0.25, and 48, 61, 78 and 89 % where it was 0.3, 0.6, 0.73 and 0.88: silence is
for those under 0.25 after it. The card of the talk model tells what else was tried and added nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine import relevance, safety

READ = 24
"""Replies of the book that are looked at in a chat: those of about three entries."""
# Of the logit: a bias, and what relevance, likeness and its square add.
_OF_BOOK = (-2.12, 3.19, -1.22, 4.48)
_BESIDE_BOOK = (-4.41, 8.45, 0.0, 0.0)  # written freely, and none of the replies that were looked at
# Fitted before to 1,558 replies of all origins that four other raters judged: AUC 0.84 and 0.75.
_ALONE = (-3.97, 9.55, 0.0, 0.0)  # written freely where there is no book; most of it is the book's by heart
_EDITED = (-4.45, 5.22, 1.68, 0.0)


def chance(relevant: float, likeness: float | None, *, edited: bool = False, alone: bool = False) -> float:
    """How likely a text fits. `likeness`: of the book's asking that it answers, None where it is none of its
    replies. `alone`: whether there is no book."""
    if edited:
        weights = _EDITED
    elif likeness is not None:
        weights = _OF_BOOK
    else:
        weights = _ALONE if alone else _BESIDE_BOOK
    bias, of_relevance, of_likeness, of_square = weights
    alike = likeness or 0.0
    logit = bias + of_relevance * relevant + of_likeness * alike + of_square * alike**2
    return 1 / (1 + math.exp(-logit))


def likeliest(asked: str, found: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Replies of the book with their likeness, the likeliest to fit first."""
    relevances = relevance.shipped().of(asked, [text for text, _ in found])
    chances = [chance(one, alike) for one, (_, alike) in zip(relevances, found, strict=True)]
    order = sorted(range(len(found)), key=lambda place: -chances[place])
    return [found[place] for place in order]


def first_safe(found: Sequence[tuple[str, float]], count: int) -> list[tuple[str, float]]:
    """At most `count` of these in their order that may be sent. Each look costs more than reading does."""
    kept: list[tuple[str, float]] = []
    for start in range(0, len(found), count):
        if len(kept) >= count:
            break
        some = found[start : start + count]
        safe = safety.safe([text for text, _ in some])
        kept += [pair for pair, ok in zip(some, safe, strict=True) if ok]
    return kept[:count]
