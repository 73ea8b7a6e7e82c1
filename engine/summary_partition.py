"""From how likely each two messages are of one conversation to conversations.

Knows: average-link clustering, the adjusted Rand index that a partition may expect (Hubert and Arabie 1985
with probabilities in the place of a known partition), moves of single messages that raise it.
Does not know: messages, or where the probabilities come from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_SIZES = (0.0, 0.3)  # what the logarithm of two groups' sizes takes from their likeness: both are tried
_SWEEPS = 20
_ONE = 0.75  # mean probability from which all is one conversation,
_APART = 0.3  # unless a partition expects so much: no index tells one group from chance


class _Expected(NamedTuple):
    """What an adjusted Rand index needs of the probabilities: all pairs, and those that belong together."""

    pairs: float
    together: float

    def rand(self, both: Numbers | float, joined: Numbers | float) -> Numbers:
        """`joined` pairs of a partition, `both` their probabilities' sum. 0 for one group, or all alone."""
        expected = np.asarray(joined) * self.together / max(self.pairs, 1e-9)
        most = (np.asarray(joined) + self.together) / 2
        return np.asarray((both - expected) / np.maximum(most - expected, 1e-9))


def partition(same: Numbers) -> Labels:
    """(N,): the partition found with the best expected index. `same` (N, N) probabilities, symmetric."""
    count = len(same)
    if count < 2:
        return np.zeros(count, np.int64)
    chance = same.copy()
    np.fill_diagonal(chance, 0)
    expected = _Expected(count * (count - 1) / 2, float(chance.sum()) / 2)
    starts = [_agglomerated(chance, expected, size) for size in _SIZES]
    found = [_moved(chance, expected, labels) for _, labels in starts]
    index, labels = max(found, key=lambda one: one[0])
    one_talk = index < _APART and expected.together >= _ONE * expected.pairs
    return np.zeros(count, np.int64) if one_talk else labels


def _agglomerated(chance: Numbers, expected: _Expected, size: float) -> tuple[float, Labels]:
    """Average link on log-odds down to one group; the level with the best expected index."""
    count = len(chance)
    clipped = chance.clip(1e-3, 1 - 1e-3)
    mean = np.log(clipped / (1 - clipped))
    np.fill_diagonal(mean, -np.inf)
    between = chance.copy()
    sizes = np.ones(count)
    labels = np.arange(count)
    both = joined = 0.0
    best, found = 0.0, np.zeros(count, np.int64)
    for _ in range(count - 1):
        value = mean - size * np.log(sizes[:, None] * sizes[None, :])
        one, other = divmod(int(value.argmax()), count)
        both += float(between[one, other])
        joined += float(sizes[one] * sizes[other])
        merged = (sizes[one] * mean[one] + sizes[other] * mean[other]) / (sizes[one] + sizes[other])
        mean[one], mean[:, one] = merged, merged
        mean[one, one] = -np.inf
        mean[other], mean[:, other] = -np.inf, -np.inf
        summed = between[one] + between[other]
        between[one], between[:, one] = summed, summed
        sizes[one] += sizes[other]
        labels[labels == other] = one
        index = float(expected.rand(both, joined))
        if index > best:
            best, found = index, labels.copy()
    return best, found


def _moved(chance: Numbers, expected: _Expected, labels: Labels) -> tuple[float, Labels]:
    """Moves single messages to another group or to one of their own while the expected index rises."""
    numbers = np.unique(labels, return_inverse=True)[1]
    member = np.eye(len(labels))[numbers]  # (N, N): as many groups as messages, most of them empty
    sizes = member.sum(0)
    both = float((chance @ member * member).sum()) / 2
    joined = float((sizes * (sizes - 1)).sum()) / 2
    best = float(expected.rand(both, joined))
    for _ in range(_SWEEPS):
        moved = False
        for row in range(len(labels)):
            own = int(member[row].argmax())
            linked = chance[row] @ member
            others = sizes - member[row]
            index = expected.rand(both - linked[own] + linked, joined - others[own] + others)
            place = int(index.argmax())
            if index[place] > best + 1e-9:
                both += float(linked[place] - linked[own])
                joined += float(others[place] - others[own])
                member[row, own], member[row, place] = 0, 1
                sizes[own] -= 1
                sizes[place] += 1
                best, moved = float(index[place]), True
        if not moved:
            break
    return best, member.argmax(1)
