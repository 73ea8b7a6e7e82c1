"""How much each person's judgements weigh: people are not a fair sample, and some mean no good.

    volume      n judgements weigh as n^¾ together: somebody with 100 counts thirty times as much as somebody
                with one, not a hundred times
    leniency    times 4·p·(1-p), p their share of likes, counted with one like and one dislike added: who
                likes everything, or nothing, tells no two texts apart and fades away with every further vote
    agreement   times how far others' taste foretells theirs: a model of words learnt from the others says
                what they should like; who votes against it (a troll) or without regard to it (at random)
                loses all weight as their votes add up; who votes a little otherwise keeps most of it
    the cap     nobody's judgements are more than a tenth of the whole (of fewer than ten people: more than an
                even share), however many they are

Tried on 20 seeds of `bench loop`'s world with 800 judgements, as the share of all judgements that as many
from people without fault would make up, without trolls and with them: all alike 0.42, 0.17; √n alone 0.35,
0.12; √n and agreement as the slope of a straight line 0.30, 0.19; as its likelihood 0.34, 0.21; that and n^¾,
which stands, 0.40, 0.24; n 0.43, 0.25, but then ten people are the server; agreement squared 0.37, 0.23. If
everybody were known for what they are, it would be 0.59, 0.47.

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
_VOLUME = 0.75
_FOLDS, _ROUNDS = 20, 3
_PRIOR = 3.0  # precision of the words' weights
_STIFF = 0.1  # precision of how much each way to foretell counts
_SLOPES = {-1.0: 0.03, -0.5: 0.02, 0.0: 0.15, 0.5: 0.3, 1.0: 0.35, 1.5: 0.15}
"""How likely it is beforehand that a person's taste has so much of everybody's."""
_SURE = 1.0  # nats of a logit at most that others foretell: of a vote or two anybody may think otherwise
_OFFSET = 0.8  # how much more or less people like than their share of likes says, as a standard deviation
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
    total = 4 * share * (1 - share) * votes**_VOLUME
    if len(judged) >= _LEAST and len(names) >= 4:
        total = total * _agreement(judged, who, liked, total)
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
    judged: Sequence[JudgedText], who: NDArray[np.int64], liked: Numbers, total: Numbers
) -> Numbers:
    """For each person, of `total` weight so far, from 0 (against the others, or without regard to them) to 1
    (as they do).

    The expected slope of a person's votes on what the others' taste foretells, in units of everybody's slope:
    as likely beforehand as `_SLOPES` says, so that whoever voted seldom is believed like most, and then as
    likely as it makes their votes.
    """
    counted = [grams_of(one.task, one.own_text) for one in judged]
    blank = Grams.of(counted)
    rows = blank.rows(counted)
    tasks = np.unique([one.task for one in judged], return_inverse=True)[1]
    texts = np.unique([f"{one.task} {one.own_text}" for one in judged], return_inverse=True)[1]
    lenient = leniency(judged)
    usual = lenient + math.log((liked.sum() + 1) / (len(liked) - liked.sum() + 1))
    own = liked - 1 / (1 + np.exp(-usual))
    votes = np.bincount(who)
    factor = np.ones(len(total))
    for _ in range(_ROUNDS):
        counts = (capped(total * factor) / votes)[who]
        if not counts.any():
            break
        heavy = counts / counts.mean()
        by_words = np.zeros(len(judged))
        for fold in range(_FOLDS):
            there, away = np.flatnonzero(who % _FOLDS == fold), np.flatnonzero(who % _FOLDS != fold)
            if not len(there) or not heavy[away].sum() > 0:
                continue
            fitted, _ = blank.fit(
                rows.of(away), liked[away], heavy[away] / heavy[away].mean(), _PRIOR, 0.0, lenient[away]
            )
            by_words[there] = rows.of(there).dot(fitted.weights)
        by_words -= (np.bincount(tasks, by_words) / np.bincount(tasks))[tasks]
        # what the others said of the very same text; a person judges a text once, or nearly so
        by_others = np.bincount(texts, heavy * own)[texts] - heavy * own
        by_others /= np.bincount(texts, heavy)[texts] - heavy + _STRANGERS
        ways = np.stack([by_words, by_others], axis=1)
        foretold = ways @ np.maximum(_counts(ways, liked, heavy, usual), 0)
        factor = np.clip(_slopes(foretold.clip(-_SURE, _SURE), who, liked, usual), 0.0, 1.0)
    return factor


def _counts(ways: Numbers, liked: Numbers, heavy: Numbers, usual: Numbers) -> Numbers:
    """How much each column of `ways` (N, 2) adds to the logit of likes, by Newton's steps: (2,)."""
    found = np.zeros(ways.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-usual - ways @ found))
        slope = ways.T @ (heavy * (liked - p)) - _STIFF * found
        curve = (ways * (heavy * p * (1 - p))[:, None]).T @ ways + _STIFF * np.eye(len(found))
        found = found + np.linalg.solve(curve, slope)
    return found


def _slopes(foretold: Numbers, who: NDArray[np.int64], liked: Numbers, usual: Numbers) -> Numbers:
    """Each person's expected slope on what is foretold (N,), however lenient they are besides: (people,)."""
    offsets = np.linspace(-2.0, 2.0, 9)
    weigh = np.exp(-0.5 * (offsets / _OFFSET) ** 2)
    logs = np.stack(
        [
            [
                np.bincount(who, liked * logit - np.logaddexp(0.0, logit))
                for logit in (usual + offset + slope * foretold for offset in offsets)
            ]
            for slope in _SLOPES
        ]
    )  # (slopes, offsets, people)
    likely = np.exp(logs - logs.max(axis=(0, 1))) * weigh[:, None]
    chances = likely.sum(axis=1) * np.array(list(_SLOPES.values()))[:, None]
    found: Numbers = np.array(list(_SLOPES)) @ chances / chances.sum(axis=0)
    return found
