"""Regressions that a summary's weights are fitted by.

Knows: logistic regression, and a softmax over lists of which any member may be right.
Does not know: what the columns are, or which logs they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.summary_signals import Numbers

_STEPS = 80


def logistic(table: Numbers, target: Numbers, importance: Numbers, decay: float) -> Numbers:
    """Weights and, at the end, the bias of a logistic regression, by Newton's method on scaled columns."""
    centre, spread = table.mean(0), table.std(0) + 1e-6
    scaled = np.hstack([(table - centre) / spread, np.ones((len(table), 1))])
    share = importance / importance.sum()
    penalty = np.full(scaled.shape[1], decay)
    penalty[-1] = 1e-9
    weights = np.zeros(scaled.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-(scaled @ weights)))
        slope = scaled.T @ ((chance - target) * share) + penalty * weights
        curve = (scaled * (share * chance * (1 - chance))[:, None]).T @ scaled + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    plain = weights[:-1] / spread
    return np.append(plain, weights[-1] - plain @ centre)


class Listed(NamedTuple):
    """What is ranked together: `table` (rows, columns); each of `wanted` (points, rows) marks the rows
    that carry a point, `weight` (points,) says what the point is worth."""

    table: Numbers
    wanted: Numbers
    weight: Numbers


def listwise(lists: Sequence[Listed], decay: float) -> Numbers:
    """(columns,): weights under which some row of each point ranks high among the rows of its list.

    The softmax of a list's scores is a chance to be chosen; a point's chance is the sum of its rows'. What
    is maximised is the points' mean log chance, a weighty one's more, on scaled columns.
    """
    import torch

    everything = np.concatenate([one.table for one in lists])
    centre, spread = everything.mean(0), everything.std(0) + 1e-6
    parts = [
        (
            torch.from_numpy((one.table - centre) / spread),
            torch.from_numpy(np.where(one.wanted > 0, 0.0, -np.inf)),
            torch.from_numpy(one.weight),
        )
        for one in lists
        if len(one.weight)
    ]
    total = sum(float(weight.sum()) for _, _, weight in parts)
    found = torch.zeros(everything.shape[1], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([found], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        value = decay / 2 * (found**2).sum()
        for table, closed, weight in parts:
            scores = table @ found
            missed = torch.logsumexp(scores, 0) - torch.logsumexp(scores[None] + closed, 1)
            value = value + (weight * missed).sum() / total
        value.backward()  # type: ignore[no-untyped-call]
        return value

    search.step(loss)  # type: ignore[no-untyped-call]
    return np.asarray(found.detach().numpy() / spread, np.float64)
