"""How far each of Moyou's texts is liked, for fine-tuning, and how much that weighs: no one person teaches.

    likings = likings_of(judged)
    taught = teaching(rows, judged, likings)

A person's weight is `engine.people`'s, as the reward model's is: volume, leniency, agreement, the cap. What a
row weighs in the loss is the square root of its judges' weights together (a text that many judged is learnt
once, not many times), at most `_MOST`; then the cap is drawn again over what comes of that, so that of all
that pulls at the model nobody's judgements are more than a tenth.

Knows: judgements, rows. Does not know: the loss, journals, models.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from engine import people
from engine.fine_tune import Row
from engine.journal_rows import JudgedText

Likings = Mapping[tuple[str, str], tuple[float, float]]
"""By reply and person: how far it is liked, and how much that weighs."""
_MOST = 2.0  # that a row weighs, where a judgement weighs 1 in the mean
_MADE_UP = 6.0  # times that the rest pulls harder for what the cap took
_LEAST = 0.01  # of what rows weigh in the mean, by weight: a lighter one only takes the time of others


def likings_of(judged: Sequence[JudgedText]) -> dict[tuple[str, str], tuple[float, float]]:
    """For each reply and person how far the judgement lies from what this person thinks of the task's
    replies at large, and how much it weighs."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in judged:
        sums[one.task, one.person].append(one.value)
    everybody = sum(one.value for one in judged) / len(judged)
    mean = {key: (sum(v) + 2 * everybody) / (len(v) + 2) for key, v in sums.items()}
    weights = people.weights_by_person(judged)
    return {
        (one.generation, one.person): (one.value - mean[one.task, one.person], float(weight))
        for one, weight in zip(judged, weights, strict=True)
    }


def teaching(rows: Mapping[str, Row], judged: Sequence[JudgedText], likings: Likings) -> list[Row]:
    """The rows that were judged, each once, with what all who judged it make of it."""
    weights = pulls(judged, likings)
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for one in judged:
        liking, _ = likings[one.generation, one.person]
        weight = weights[one.generation, one.person]
        total, heavy = sums[one.generation]
        sums[one.generation] = (total + liking * weight, heavy + weight)
    whole = sum(weight for _, weight in sums.values())
    least = _LEAST * sum(weight**2 for _, weight in sums.values()) / whole if whole else 0.0
    return [
        dataclasses.replace(rows[generation], liking=max(-1.0, min(1.0, total / weight)), weight=weight)
        for generation, (total, weight) in sums.items()
        if weight > least
    ]


def pulls(judged: Sequence[JudgedText], likings: Likings) -> dict[tuple[str, str], float]:
    """What each judgement, by reply and person, adds to its row's weight in the loss."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for one in judged:
        found[one.generation][one.person] = likings[one.generation, one.person][1]
    names = sorted({one.person for one in judged})
    pull = dict.fromkeys(names, 0.0)
    for generation, weights in found.items():
        whole = sum(weights.values())
        share = min(_MOST, whole**0.5) / whole if whole else 0.0
        for person in weights:
            weights[person] *= share
            pull[person] += abs(likings[generation, person][0]) * weights[person]
    capped = people.capped(np.array([pull[name] for name in names]))
    if capped.any():  # else what the cap takes would leave less to pull against the leash
        capped = capped * min(_MADE_UP, sum(pull.values()) / float(capped.sum()))
    left = {
        name: float(most) / pull[name] if pull[name] else 0.0
        for name, most in zip(names, capped, strict=True)
    }
    return {
        (generation, person): weight * left[person]
        for generation, weights in found.items()
        for person, weight in weights.items()
    }
