"""Which draft is sent: drawn by a softmax over scores with a floor, and with which probability.

Every draft that may be sent has a probability above zero, and that of the one sent is logged, so that what
was not sent can be estimated (`engine.estimates`). The draw is fixed by the reply's seed.

A veto stays a veto: what the judge's own score puts below the task's threshold has probability zero, whatever
people liked; unsafe texts never become drafts. So does what stands far below the best: whoever asked would
have the worse reply, and nothing is learnt from it that is not known. The floor is shared among the others.

Measured in `bench loop`'s world at 200 and at 800 judgements: how much of best-of-8's gain, 0.44 and 0.72
standard deviations, a drawn draft keeps, and E[w²] of the importance weights (a log of n replies is worth
n/E[w²] to the estimates). Temperature 0.04 throughout: 0.22 and 0.56, 2.4 and 4.4; a third of the scores'
spread: 0.39 and 0.63, 13 and 15; half the spread, which stands: 0.36 and 0.58, 7 and 8.

Knows: temperature and floor. Does not know: where scores come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TEMPERATURE = 0.04
"""Of the softmax at most, in units of a score."""
SHARPNESS = 2.0
"""The temperature is the drafts' spread (standard deviation) divided by this, where that is less."""
REACH = 0.25
"""How far below the best a draft's score may be."""
FLOOR = 0.1
"""Of the probability, shared evenly among the drafts that may be sent."""
REWARD = 0.5
"""What people are expected to like, as a share of a draft's score; the rest is the judge's."""
_STREAM = 2**63  # of the seed's random numbers: the latents' and draws' are others


def propensities(
    scores: Sequence[float],
    allowed: Sequence[bool] | None = None,
    *,
    sharpness: float = SHARPNESS,
    floor: float = FLOOR,
) -> Numbers:
    """The probability of each draft, which sum to 1; zero for those not `allowed`, of which some must be,
    and for those out of reach of the best."""
    values = np.asarray(scores, float)
    may = np.ones(len(values), bool) if allowed is None else np.array(allowed, bool)
    may &= values >= values[may].max() - REACH
    temperature = min(TEMPERATURE, float(values[may].std()) / sharpness) or TEMPERATURE
    below = np.where(may, values - values[may].max(), 0.0) / temperature
    weights = np.where(may, np.exp(below), 0.0)
    found: Numbers = (1 - floor) * weights / weights.sum() + floor * may / may.sum()
    return found


def blended(judged: float, liked: float) -> float:
    """A draft's score from the judge's and the probability of being liked."""
    return (1 - REWARD) * judged + REWARD * liked


def draw(probabilities: Numbers, seed: int) -> tuple[int, float]:
    """A draft's index by these probabilities, the same for the same seed, and its probability."""
    uniform = np.random.Generator(np.random.Philox(key=[seed % 2**64, _STREAM])).random()
    possible = np.flatnonzero(probabilities)
    place = int(np.searchsorted(np.cumsum(probabilities[possible]), uniform, side="right"))
    chosen = int(possible[min(place, len(possible) - 1)])
    return chosen, float(probabilities[chosen])
