"""The gate: is one scorer surely better than another on judgements that neither learnt from?

The measure is the pairwise accuracy (AUC): of a liked and a disliked text of the same task, how often
does the liked one score higher? 0.5 is no skill. Pairs of two tasks are left out, because re-ranking
only ever compares drafts of one request.

Judgements are not independent: one person gives many, one text gets many. So the standard error is
bootstrapped twice, drawing people and drawing texts, and the larger one counts; the interval is
Student's with as many degrees of freedom as there are clusters, counted by weight (Kish), less one.
With three people the interval thus reaches four standard errors to either side, as it should.

A bootstrap is blind where every pair is right (two texts, ranked rightly, would look certain). So
against no skill the standard error by texts is never below that of guessing, √((n+m+1)/(12·n·m)) for n
liked and m disliked texts (Mann and Whitney 1947), again counted by weight; and what was judged by fewer
than two people's weight shows nothing.

Knows: weights of people, AUC, the interval, the verdict. Does not know: models, files, journals.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.journal_rows import JudgedText

Numbers = NDArray[np.float64]

RESAMPLES = 1000
_CHUNK = 4_000_000
"""Numbers held at once while resampling."""
# 97.5 % quantiles of Student's t for 1, 2, ... 30 degrees of freedom; any table of statistics.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
            2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
            2.052, 2.048, 2.045, 2.042)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def weights_by_person(judged: Sequence[JudgedText]) -> Numbers:
    """How much each judgement weighs (mean 1): by person, not by vote.

    A person of n judgements weighs as √n, shared among these: somebody with 100 counts ten times as
    much as somebody with one, not a hundred times. That is multiplied by 4·p·(1-p), p their share of
    likes, counted with one like and one dislike added: who likes everything, or nothing, tells no two
    texts apart and fades away with every further vote.
    """
    likes = Counter(one.person for one in judged if one.value > 0)
    votes = Counter(one.person for one in judged)

    def weight(person: str) -> float:
        share = (likes[person] + 1) / (votes[person] + 2)
        return 4 * share * (1 - share) / math.sqrt(votes[person])

    found = np.array([weight(one.person) for one in judged])
    return found / found.mean() if len(found) else found


def pairwise_accuracy(
    scores: Sequence[float], liked: Sequence[bool], tasks: Sequence[Hashable], weights: Numbers
) -> Numbers:
    """AUC within tasks, for each row of `weights` (R, N) → (R,). Equal scores count half.

    NaN where a row's weights leave no pair.
    """
    value, is_liked = np.asarray(scores, float), np.asarray(liked, bool)
    right, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for members in _groups(tasks).values():
        order = members[np.argsort(value[members], kind="stable")]
        up, down = weights[:, order] * is_liked[order], weights[:, order] * ~is_liked[order]
        below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(down, axis=1)], axis=1)
        _, first, size = np.unique(value[order], return_index=True, return_counts=True)
        start, end = np.repeat(first, size), np.repeat(first + size, size)
        right += (up * (below[:, start] + below[:, end]) / 2).sum(axis=1)
        pairs += up.sum(axis=1) * below[:, -1]
    with np.errstate(invalid="ignore"):
        return np.asarray(right / pairs)


def gain(
    new: Sequence[float],
    old: Sequence[float] | None,
    held_out: Sequence[JudgedText],
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """By how much the pairwise accuracy of `new` scores is above that of `old` ones (None: above 0.5)."""
    liked, tasks = [one.value > 0 for one in held_out], [one.task for one in held_out]
    base = weights_by_person(held_out)
    draw = np.random.default_rng(seed)

    def difference(weights: Numbers) -> Numbers:
        found = pairwise_accuracy(new, liked, tasks, weights)
        return found - (0.5 if old is None else pairwise_accuracy(old, liked, tasks, weights))

    value = float(difference(base[None])[0])
    people, texts = [one.person for one in held_out], [text_of(one) for one in held_out]
    # Judged by one person: no telling how another would judge.
    reach = 2.0 if _effective(_sums(people, base)) < 1.5 else 0.0
    least = _error_of_guessing(held_out, base) if old is None else 0.0
    for keys, floor in ((people, 0.0), (texts, least)):
        clusters = _groups(keys)
        number = np.empty(len(base), int)
        for position, members in enumerate(clusters.values()):
            number[members] = position
        effective = _effective(_sums(keys, base))
        found: list[Numbers] = []
        rows = max(1, _CHUNK // len(base))
        for start in range(0, resamples, rows):
            size = (min(rows, resamples - start), len(clusters))
            times = draw.multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), size[0])
            found.append(difference(times[:, number] * base))
        spread = np.concatenate(found)
        spread = spread[~np.isnan(spread)]
        error = float(spread.std()) * math.sqrt(effective / max(effective - 1, 1e-9)) if len(spread) else 1.0
        reach = max(reach, student(effective - 1) * max(error, floor))
    return Interval(value, max(-1.0, value - reach), min(1.0, value + reach))


def _error_of_guessing(held_out: Sequence[JudgedText], weights: Numbers) -> float:
    """The standard error of the pairwise accuracy of a scorer that guesses, from the texts' weights."""
    liked, disliked = (
        _effective(_sums([text_of(held_out[n]) for n in members], weights[members]))
        for sign in (True, False)
        for members in [[n for n, one in enumerate(held_out) if (one.value > 0) == sign]]
    )
    return math.sqrt((liked + disliked + 1) / (12 * liked * disliked)) if liked and disliked else 1.0


def _effective(weights: Numbers) -> float:
    """How many equal weights are as good as these (Kish)."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def _sums(keys: Sequence[Hashable], weights: Numbers) -> Numbers:
    """The weight of each distinct key."""
    return np.array([weights[members].sum() for members in _groups(keys).values()])


def text_of(one: JudgedText) -> tuple[str, str]:
    """What makes two judgements be about the same text, whichever generation it came from."""
    return one.task, one.own_text


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t, rounded to the wide side."""
    whole = max(1, math.floor(freedom + 1e-9))
    return _STUDENT[whole - 1] if whole <= len(_STUDENT) else 1.96 + 2.5 / whole


def _groups(keys: Sequence[Hashable]) -> dict[Hashable, NDArray[np.int64]]:
    found: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return {key: np.array(members) for key, members in found.items()}
