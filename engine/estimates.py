"""What people would think of replies chosen otherwise, from replies chosen as they were.

Every reply's draft was drawn with a known probability; another way to choose would have drawn it with
another. A reply's value is the mean of what people think of it, 0 where nobody said anything. Three estimates
of the gain of the other way over the one that was used:

    SNIPS           values weighed by new probability / logged one, over the sum of these weights
                    (Swaminathan and Joachims 2015)
    doubly robust   what a model expects of all drafts, corrected by weighed residuals (Dudík et al. 2011):
                    unbiased if either the probabilities or the model is right
    on-policy       no estimate: the mean of what was sent, which the other two are held against

Standard errors are those of the linearised estimate, once by reply and once by who asked, the larger counts;
the interval is Student's, by as many degrees of freedom as the weights are worth.

Knows: arithmetic. Does not know: journals, models, what is promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.gate import Interval, student

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replies:
    """N logged replies, in the same order everywhere.

    `values` (N,): what people thought. `logged` (N,): the probability of the draft sent. `wanted`: for each
    the probabilities of its drafts under the other way. `expected`: for each what a model expects of its
    drafts, in any unit. `chosen` (N,): which was sent. `askers` (N,): who asked.
    """

    values: Numbers
    logged: Numbers
    wanted: Sequence[Numbers]
    expected: Sequence[Numbers]
    chosen: NDArray[np.int64]
    askers: Sequence[str]

    @property
    def weights(self) -> Numbers:
        sent = [way[place] for way, place in zip(self.wanted, self.chosen, strict=True)]
        return np.array(sent) / self.logged


def on_policy(replies: Replies) -> Interval:
    """The value of a reply as they were chosen."""
    value = float(replies.values.mean())
    return _interval(value, replies.values - value, replies, np.ones(len(replies.values)))


def snips(replies: Replies) -> Interval:
    """The gain by self-normalised importance weights."""
    weights, values = replies.weights, replies.values
    if not weights.sum() > 0:
        return Interval(0.0, -1.0, 1.0)
    there, here = float(weights @ values / weights.sum()), float(values.mean())
    parts = weights * (values - there) / weights.mean() - (values - here)
    return _interval(there - here, parts, replies, weights)


def doubly_robust(replies: Replies) -> Interval:
    """The gain by the model's expectation, corrected.

    The model's unit is fitted first: a straight line from what it expects of what was sent to what came.
    """
    weights, values = replies.weights, replies.values
    sent = np.array([row[place] for row, place in zip(replies.expected, replies.chosen, strict=True)])
    spread = float(sent.var())
    slope = max(0.0, float(np.cov(sent, values, bias=True)[0, 1]) / spread) if spread > 1e-12 else 0.0
    base = float(values.mean()) - slope * float(sent.mean())
    expected = np.array(
        [base + slope * float(way @ row) for way, row in zip(replies.wanted, replies.expected, strict=True)]
    )
    residuals = values - base - slope * sent
    parts = expected + weights / max(weights.mean(), 1e-12) * residuals - values
    value = float(parts.mean())
    return _interval(value, parts - value, replies, weights)


def _interval(value: float, parts: Numbers, replies: Replies, weights: Numbers) -> Interval:
    """Around `value`, of which `parts` (N,) are each reply's share, with mean 0."""
    count = len(parts)
    number = np.unique(replies.askers, return_inverse=True)[1]
    sums = np.bincount(number, parts)
    by_reply = float(np.sqrt(parts @ parts)) / count
    by_asker = float(np.sqrt(sums @ sums * len(sums) / max(len(sums) - 1, 1))) / count
    worth = float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 1.0
    askers = np.bincount(number, weights)
    worth = min(worth, float(askers.sum() ** 2 / (askers**2).sum()) if weights.any() else 1.0)
    reach = student(max(1.0, worth - 1)) * max(by_reply, by_asker)
    return Interval(value, value - reach, value + reach)
