"""The order of an epoch: which examples make a batch.

Knows: how long targets are, how often each example counts, a seed. Does not know: what examples hold.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.corpus import Encoded


class Epoch(Sequence[list[int]]):
    """One epoch's batches: `order` (N,) of indices, cut at `bounds` (batches, 2)."""

    def __init__(self, order: np.ndarray[Any, Any], bounds: np.ndarray[Any, Any]) -> None:
        self._order, self._bounds = order, bounds

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        start, end = self._bounds[number]
        return self._order[start:end].tolist()


def buckets(
    data: Sequence[Encoded],
    size: int,
    seed: int,
    weights: Sequence[float] | np.ndarray[Any, Any] | None = None,
) -> Epoch:
    """One epoch's batches of indices: shuffled, near-equal target lengths together.

    `weights` above 1 repeat an example, below 1 take it with that chance. The order depends on
    `seed` alone, so an interrupted run resumes in the middle of an epoch.
    """
    draw = np.random.default_rng(abs(seed))
    lengths = getattr(data, "lengths", None)
    if lengths is None:
        lengths = np.array([len(example.target) for example in data])
    order = np.arange(len(data), dtype=np.int32)
    if weights is not None:
        share = np.asarray(weights, dtype=np.float64)
        whole = np.floor(share)
        order = np.repeat(order, (whole + (draw.random(len(data)) < share - whole)).astype(np.int64))
    draw.shuffle(order)
    # Batch normalisation needs two rows: a last single one joins the batch before it.
    if len(order) == 1:
        order = np.repeat(order, 2)
    # Pools of about one size, of whole batches: a small last one, or a batch of two, would have all lengths.
    batches = -(-len(order) // size)
    pools = max(1, round(batches / 64))
    edges = np.minimum(np.linspace(0, batches, pools + 1).astype(int) * size, len(order))
    for start, stop in itertools.pairwise(edges):
        part = order[start:stop]
        order[start:stop] = part[np.argsort(lengths[part], kind="stable")]
    starts = np.arange(0, len(order), size)
    bounds = np.stack([starts, np.minimum(starts + size, len(order))], axis=1)
    if len(bounds) > 1 and bounds[-1, 1] - bounds[-1, 0] == 1:
        bounds = bounds[:-1]
        bounds[-1, 1] += 1
    draw.shuffle(bounds)
    return Epoch(order, bounds)
