"""What lies between two texts: how far apart they are, the points between two latents, the smoothest path.

Knows: tokens, latents, scored variants. Does not know: models, forms, how a variant was written.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine import judge

SAME = 0.02  # edit distance below which a text is the given one again
POINT = "\n\n"
"""Stands between the points of a path in one reply; no point holds it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A text that was decoded, with its latent (one Z after another where it has parts or points)."""

    words: str
    latent: tuple[float, ...]
    log_probability: float
    scores: Mapping[str, float]
    score: float
    relaxed: tuple[str, ...] = ()


def distance(a: str, b: str) -> float:
    """Edit distance of two texts in Han characters and words: 0 the same, 1 nothing shared.

    Over the longer one's count; case, punctuation and blanks count for nothing.
    """
    first, second = judge.tokens_of(a), judge.tokens_of(b)
    if not first or not second:
        return float(a.strip() != b.strip())
    other = np.array(second)
    steps = np.arange(len(other) + 1)
    row = steps.copy()
    for token in first:
        best = np.minimum(row[1:] + 1, row[:-1] + (other != token))
        # an insertion comes from the left: a running minimum of what is left once each step is paid
        row = np.minimum.accumulate(np.concatenate([[row[0] + 1], best]) - steps) + steps
    return float(row[-1]) / max(len(first), len(second))


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(Z,) on the great circle from a (share 0) to b (share 1); the straight line where they are parallel."""
    cosine = float(torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    angle = math.acos(cosine)
    if math.sin(angle) < 1e-3:
        return (1 - share) * a + share * b
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)


def path(pool: Sequence[Variant], shares: Sequence[float], ends: tuple[str, str]) -> Variant:
    """A candidate for each share of the way, by dynamic programming: as good as can be, never going back.

    Going back is to come nearer to the first of `ends` again, or away from the second. Any of the pool's
    variants may stand at any point: where one lies shows in its words, not in the latent it was meant for.
    The pool holds at least one.
    """
    away = [(distance(v.words, ends[0]), distance(v.words, ends[1])) for v in pool]
    along = [a / max(1e-9, a + b) for a, b in away]
    # the given texts themselves are no points of the way
    good = [
        v.score * (0.5 + 0.5 * v.scores["sense"]) - 2 * (min(d) <= SAME)
        for v, d in zip(pool, away, strict=True)
    ]

    whole = distance(*ends)

    def cost(last: int, index: int) -> float:
        stays = pool[last].words == pool[index].words
        return _back(away[last], away[index]) + 4 * stays

    best = [
        (good[index] - 2 * abs(along[index] - shares[0]) - _back((0.0, whole), away[index]), [index])
        for index in range(len(pool))
    ]
    for share in shares[1:]:
        longer: list[tuple[float, list[int]]] = []
        for index in range(len(pool)):
            value, way = max((total - cost(way[-1], index), way) for total, way in best)
            longer.append((value + good[index] - 2 * abs(along[index] - share), [*way, index]))
        best = longer
    _, way = max((total - _back(away[way[-1]], (whole, 0.0)), way) for total, way in best)
    chosen = [pool[index] for index in way]
    places = [(0.0, whole), *(away[index] for index in way), (whole, 0.0)]
    ordered = not any(_back(x, y) for x, y in itertools.pairwise(places))
    names = chosen[0].scores
    scores = {name: sum(v.scores[name] for v in chosen) / len(chosen) for name in names}
    scores["order"] = float(ordered)
    quality = min(v.scores["quality"] for v in chosen)
    return Variant(
        POINT.join(v.words for v in chosen),
        tuple(value for v in chosen for value in v.latent),
        sum(v.log_probability for v in chosen),
        scores,
        round(quality * (0.7 + 0.3 * scores["order"]), 6),
        tuple(dict.fromkeys(name for v in chosen for name in v.relaxed)),
    )


def _back(before: tuple[float, float], after: tuple[float, float]) -> float:
    """What a step costs that comes nearer to the first text or leaves the second.

    More than any quality can make up for.
    """
    lengths = (before[0] - after[0], after[1] - before[1])
    return sum(5 + 20 * length for length in lengths if length > 0)
