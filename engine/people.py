"""How much each person's judgements weigh: people are not a fair sample, and some mean no good.

    volume      n judgements weigh as √n together: somebody with 100 counts ten times as much as somebody with
                one, not a hundred times
    leniency    times 4·p·(1-p), p their share of likes, counted with one like and one dislike added: who
                likes everything, or nothing, tells no two texts apart and fades away with every further vote
    agreement   times how far others' taste foretells theirs: a model of words learnt from the others says
                what they should like; who votes against it (a troll) or without regard to it (at random)
                loses all weight as their votes add up; who votes a little otherwise keeps most of it. Steeper
                rules (squared; nothing below half) gained as little as the seeds' noise in `bench loop` and
                silenced whoever differed twice
    the cap     nobody's judgements are more than a tenth of the whole (of fewer than ten people: more than an
                even share), however many they are

Knows: judgements and who gave them. Does not know: the reward model, the gate, journals.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.grams import Grams, grams_of
from engine.journal_rows import JudgedText

Numbers = NDArray[np.float64]

CAP = 0.1
"""Of all weight, the most that one person has."""
_FOLDS, _ROUNDS = 20, 3
_PRIOR = 3.0  # precision of the words' weights
_ALIKE = 4.0  # votes in agreement with which everybody begins
_SPREAD = 1.0  # how much people's agreement differs, as a standard deviation around 1
_STRANGERS = 1.0  # judgements of others that count as none said anything
_LEAST = 30  # judgements and 4 people, below which nobody's agreement can be told


def weights_by_person(judged: Sequence[JudgedText]) -> Numbers:
    """How much each judgement weighs (mean 1): volume, leniency, agreement, cap."""
    if not judged:
        return np.zeros(0)
    names = sorted({one.person for one in judged})
    number = {name: place for place, name in enumerate(names)}
    who = np.array([number[one.person] for one in judged])
    liked = np.array([one.value > 0 for one in judged], float)
    votes = np.bincount(who)
    share = (np.bincount(who, liked) + 1) / (votes + 2)
    total = 4 * share * (1 - share) * np.sqrt(votes)
    if len(judged) >= _LEAST and len(names) >= 4:
        total = total * _agreement(judged, who, liked, share, total / votes)
    each = (capped(total) / votes)[who]
    mean = each.mean()
    return each / mean if mean > 0 else np.ones(len(each))


def leniency(judged: Sequence[JudgedText]) -> Numbers:
    """By how much the logit of each judgement's person's likes is above everybody's, whatever they judge.

    Known beforehand, it need not be explained by the texts. Few votes say little: they count together with
    four of everybody's.
    """
    likes = Counter(one.person for one in judged if one.value > 0)
    votes = Counter(one.person for one in judged)
    everybody = (sum(likes.values()) + 1) / (len(judged) + 2)

    def logit(share: float) -> float:
        return math.log(share / (1 - share))

    shares = {who: (likes[who] + 4 * everybody) / (votes[who] + 4) for who in votes}
    return np.array([logit(shares[one.person]) - logit(everybody) for one in judged])


def capped(total: Numbers) -> Numbers:
    """People's weights with nobody above `CAP` of their sum, or above an even share of few people's."""
    most = max(CAP, 1 / max(1, int((total > 0).sum())))
    found = total.astype(float)
    order = np.argsort(-found)
    for over in range(len(found)):  # the `over` heaviest are cut down to the same
        rest = float(found[order[over:]].sum())
        if over * most >= 1:
            break
        limit = most * rest / (1 - over * most)  # so that over · limit + rest is 1/most of it
        if found[order[over]] <= limit * (1 + 1e-12):
            found[order[:over]] = limit
            return found
    return np.minimum(found, found[found > 0].min(initial=math.inf)) if found.any() else found


def _agreement(
    judged: Sequence[JudgedText], who: NDArray[np.int64], liked: Numbers, share: Numbers, weights: Numbers
) -> Numbers:
    """For each person from 0 (against the others, or without regard to them) to 1 (as they do).

    The slope of a person's votes on what the others' taste foretells, in units of everybody's slope, drawn to
    1 as long as there are few votes.
    """
    counted = [grams_of(one.task, one.own_text) for one in judged]
    blank = Grams.of(counted)
    rows = blank.rows(counted)
    tasks = np.unique([one.task for one in judged], return_inverse=True)[1]
    texts = np.unique([f"{one.task} {one.own_text}" for one in judged], return_inverse=True)[1]
    own, lenient = liked - share[who], leniency(judged)
    factor = np.ones(len(share))
    for _ in range(_ROUNDS):
        counts = (weights * factor)[who]
        by_words = np.zeros(len(judged))
        for fold in range(_FOLDS):
            there, away = np.flatnonzero(who % _FOLDS == fold), np.flatnonzero(who % _FOLDS != fold)
            heavy = counts[away]
            if not len(there) or not heavy.sum() > 0:
                continue
            fitted, _ = blank.fit(
                rows.of(away), liked[away], heavy / heavy.mean(), _PRIOR, 0.0, lenient[away]
            )
            by_words[there] = rows.of(there).dot(fitted.weights)
        by_words -= (np.bincount(tasks, by_words) / np.bincount(tasks))[tasks]
        # what the others said of the very same text; a person judges a text once, or nearly so
        heavy = counts / counts.mean()
        by_others = np.bincount(texts, heavy * own)[texts] - heavy * own
        by_others /= np.bincount(texts, heavy)[texts] - heavy + _STRANGERS
        ways = np.stack([by_words, by_others], axis=1)
        slopes = np.linalg.solve(ways.T @ (ways * heavy[:, None]) + 1e-6 * np.eye(2), ways.T @ (heavy * own))
        foretold = ways @ np.maximum(slopes, 0)
        squares, products = foretold**2, foretold * own
        error = float(heavy @ (own - foretold) ** 2 / heavy.sum())
        if squares.sum() < 4 * error:  # nothing is foretold: nobody can be told from anybody
            return np.ones(len(share))
        shrink = max(error / _SPREAD**2, _ALIKE * float(squares.mean()))
        found = (np.bincount(who, products) + shrink) / (np.bincount(who, squares) + shrink)
        factor = np.clip(found, 0.0, 1.0)
    return factor
