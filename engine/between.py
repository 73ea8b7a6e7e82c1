"""What lies between two texts: how far apart they are, the points between two latents, the smoothest path.

Knows: letters, latents, scored variants. Does not know: models, forms, how a variant was written.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
    """Edit distance of two texts' letters over the longer one's count: 0 the same, 1 nothing shared."""
    first, second = ([c for c in words.casefold() if c.isalnum()] for words in (a, b))
    if not first or not second:
        return float(first != second)
    other = np.array([ord(c) for c in second])
    steps = np.arange(len(other) + 1)
    row = steps.copy()
    for letter in first:
        best = np.minimum(row[1:] + 1, row[:-1] + (other != ord(letter)))
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


def path(points: Sequence[Sequence[Variant]], shares: Sequence[float], ends: tuple[str, str]) -> Variant:
    """One candidate a point, by dynamic programming: as good as can be and never going back.

    Going back is to come nearer to the first of `ends` again, or away from the second. `shares`: how far
    along each point should be. Each point has at least one candidate.
    """
    away = [[(distance(v.words, ends[0]), distance(v.words, ends[1])) for v in point] for point in points]

    def worth(number: int, index: int) -> float:
        variant, (a, b) = points[number][index], away[number][index]
        on_the_way = 1 - abs(a / max(1e-9, a + b) - shares[number])
        copied = float(min(a, b) <= SAME)
        return variant.score * (0.5 + 0.5 * variant.scores["sense"]) + on_the_way - 2 * copied

    def cost(number: int, last: int, index: int) -> float:
        """What a step costs that goes back: more than any quality can make up for; or that stays."""
        before, after = away[number - 1][last], away[number][index]
        back = (max(0.0, before[0] - after[0]), max(0.0, after[1] - before[1]))
        stays = points[number - 1][last].words == points[number][index].words
        return sum(5 + 20 * length for length in back if length > 1e-9) + 2 * stays

    best: list[tuple[float, list[int]]] = [(worth(0, index), [index]) for index in range(len(points[0]))]
    for number in range(1, len(points)):
        longer: list[tuple[float, list[int]]] = []
        for index in range(len(points[number])):
            value, way = max((total - cost(number, way[-1], index), way) for total, way in best)
            longer.append((value + worth(number, index), [*way, index]))
        best = longer
    _, way = max(best)
    chosen = [points[number][index] for number, index in enumerate(way)]
    places = [away[number][index] for number, index in enumerate(way)]
    ordered = all(x[0] <= y[0] and x[1] >= y[1] for x, y in itertools.pairwise(places))
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
