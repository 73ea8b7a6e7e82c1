"""What a channel likes, as a shift of the latents that replies there are written from.

    lean = learn(people, values, latents)    from one channel's judgements of one model's replies

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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

MIN_JUDGEMENTS, MIN_PEOPLE = 12, 3
MOST = 0.2
"""The longest shift, in deviations of the prior a dimension (root mean square)."""
_PRIOR_VOTES = 2.0  # a person's mean is pulled to everybody's by so many judgements
_ROUNDING = 1e-10  # less is what sums leave of nothing, by their order


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


def learn(
    people: Sequence[int] | Sequence[str], values: ArrayLike, latents: ArrayLike, *, own: bool = False
) -> Taste | None:
    """What is liked; None where there are too few judgements or people, or where nothing is agreed on.

    `people` (N,): whose each standing judgement is; `values` (N,); `latents` (N, Z): what the reply that was
    judged was written from. `own`: the channel is one person's alone.
    """
    names, person = np.unique(np.asarray(people), return_inverse=True)
    if len(person) < MIN_JUDGEMENTS or (len(names) < MIN_PEOPLE and not own):
        return None
    said, z = np.asarray(values, np.float64), np.asarray(latents, np.float64)
    votes = np.bincount(person)
    mean = (np.bincount(person, said) + _PRIOR_VOTES * said.mean()) / (votes + _PRIOR_VOTES)
    residual = said - mean[person]
    weighted = residual * votes[person] ** -0.5
    spread = 0.5 * float(weighted @ residual)
    if spread <= _ROUNDING**2 * float(said @ said):
        return None
    parts = weighted[:, None] * (z - z.mean(axis=0)) / spread  # (N, Z); their sum is the difference
    each = parts
    if not own:
        each = np.zeros((len(names), z.shape[1]))
        np.add.at(each, person, parts)
    difference = parts.sum(axis=0)
    length = float((difference**2).sum())
    alone = float((each**2).sum())
    # of pure chance both are alike, and their ratio scatters the more the fewer dimensions there are
    margin = 1 + 2 * math.sqrt(2 / z.shape[1])
    share = max(0.0, 1 - margin * alone / length) if length > 0 else 0.0
    if share < _ROUNDING:
        return None
    lean: Numbers = share * difference
    limit = MOST * math.sqrt(z.shape[1])
    lean = lean * min(1.0, limit / float(np.linalg.norm(lean)))
    return Taste(tuple(round(float(x), 6) for x in lean), len(person), len(names))
