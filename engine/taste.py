"""What a channel likes, as a shift of the latents that replies there are written from.

    lean = learn(judged)        from one channel's judgements of one model's replies

A reply's latent says what it is like. Where liked ones lie to one side of disliked ones, the prior's middle
moves there: by the difference of their means, which is what weighing the prior by the odds of being liked
comes to. A judgement counts against what its person thinks at large, so that who likes everything moves
nothing, and a person's judgements weigh by the square root of their number.

Only what people agree on moves anything: of the squared length of the sum over people the part that each
one brings alone is taken away, times a margin, and what is left shrinks the shift (James and Stein 1961, the
noise measured between people). One person thus moves a channel of many nowhere, chance seldom and little,
and agreement more the more people there are. In a direct message, which is one person's own, judgements take
the people's place. The shift's length has a limit.

Knows: the estimate, its limits. Does not know: journals, who resets it, how latents are drawn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

MIN_JUDGEMENTS, MIN_PEOPLE = 12, 3
MOST = 0.2
"""The longest shift, in deviations of the prior a dimension (root mean square)."""
_PRIOR_VOTES = 2.0  # a person's mean is pulled to everybody's by so many judgements


@dataclass(frozen=True, slots=True)
class JudgedLatent:
    """One standing judgement of a reply, and the latent that reply was written from."""

    person: str
    value: float
    latent: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Taste:
    """A shift (Z,) with what it was learnt from. `far`: its length as a share of the longest, in [0, 1]."""

    lean: tuple[float, ...]
    judgements: int
    people: int

    @property
    def far(self) -> float:
        return far(self.lean)


def far(lean: Sequence[float]) -> float:
    """How far a shift goes: its length as a share of the longest one."""
    return math.sqrt(sum(x * x for x in lean) / max(1, len(lean))) / MOST


def learn(judged: Sequence[JudgedLatent], *, own: bool = False) -> Taste | None:
    """What is liked; None where there are too few judgements or people, or where nothing is agreed on.

    `own`: the channel is one person's alone.
    """
    people = len({one.person for one in judged})
    if len(judged) < MIN_JUDGEMENTS or (people < MIN_PEOPLE and not own):
        return None
    z = np.array([one.latent for one in judged])
    values = np.array([one.value for one in judged])
    everybody = float(values.mean())
    votes = Counter(one.person for one in judged)
    sums = {person: 0.0 for person in votes}
    for one in judged:
        sums[one.person] += one.value
    mean = {p: (sums[p] + _PRIOR_VOTES * everybody) / (votes[p] + _PRIOR_VOTES) for p in votes}
    residual = values - np.array([mean[one.person] for one in judged])
    weight = np.array([votes[one.person] ** -0.5 for one in judged])
    spread = 0.5 * float((weight * residual**2).sum())
    if spread <= 0:
        return None
    parts = (
        (weight * residual)[:, None] * (z - z.mean(axis=0)) / spread
    )  # (N, Z); their sum is the difference
    clusters = list(range(len(judged))) if own else _numbers([one.person for one in judged])
    by_cluster = np.zeros((max(clusters) + 1, z.shape[1]))
    np.add.at(by_cluster, clusters, parts)
    difference = parts.sum(axis=0)
    length = float((difference**2).sum())
    alone = float((by_cluster**2).sum())
    # of pure chance both are alike, and their ratio scatters the more the fewer dimensions there are
    margin = 1 + 2 * math.sqrt(2 / z.shape[1])
    share = max(0.0, 1 - margin * alone / length) if length > 0 else 0.0
    if share == 0:
        return None
    lean: Numbers = share * difference
    limit = MOST * math.sqrt(z.shape[1])
    lean = lean * min(1.0, limit / float(np.linalg.norm(lean)))
    return Taste(tuple(round(float(x), 6) for x in lean), len(judged), people)


def _numbers(names: Sequence[str]) -> list[int]:
    """Each name as the number of its first appearance."""
    known: dict[str, int] = {}
    return [known.setdefault(name, len(known)) for name in names]
