"""Which draft is sent: drawn by a softmax over scores with a floor, and with which probability.

Every draft that may be sent has a probability above zero, and that of the one sent is logged, so that what
was not sent can be estimated (`engine.estimates`). The draw is fixed by the reply's seed.

A veto stays a veto: what the judge's own score puts below the task's threshold has probability zero, whatever
people liked; unsafe texts never become drafts. The floor is shared among the others only.

Knows: temperature and floor. Does not know: where scores come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TEMPERATURE = 0.04
"""Of the softmax, in units of a score."""
FLOOR = 0.1
"""Of the probability, shared evenly among the drafts that may be sent."""
_STREAM = 2**63  # of the seed's random numbers: the latents' and draws' are others


def propensities(
    scores: Sequence[float],
    allowed: Sequence[bool] | None = None,
    *,
    temperature: float = TEMPERATURE,
    floor: float = FLOOR,
) -> Numbers:
    """The probability of each draft, which sum to 1; zero for those not `allowed`, of which some must be."""
    values = np.asarray(scores, float) / temperature
    may = np.ones(len(values), bool) if allowed is None else np.asarray(allowed, bool)
    weights = np.where(may, np.exp(np.where(may, values - values[may].max(), 0.0)), 0.0)
    found: Numbers = (1 - floor) * weights / weights.sum() + floor * may / may.sum()
    return found


def draw(probabilities: Numbers, seed: int) -> tuple[int, float]:
    """A draft's index by these probabilities, the same for the same seed, and its probability."""
    uniform = np.random.Generator(np.random.Philox(key=[seed % 2**64, _STREAM])).random()
    possible = np.flatnonzero(probabilities)
    place = int(np.searchsorted(np.cumsum(probabilities[possible]), uniform, side="right"))
    chosen = int(possible[min(place, len(possible) - 1)])
    return chosen, float(probabilities[chosen])
