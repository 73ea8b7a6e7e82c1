"""How a reward model would have chosen among logged drafts, and what that would have changed.

The gain by SNIPS and doubly robust estimates stands beside what was sent (`engine.estimates`); and of the
texts that would be sent, what must not fall: the judge's own score (which holds repetition, language and
novelty), the share that keeps its form, novelty, and how varied the texts are. Safety cannot fall: what is
unsafe is no draft, and what the judge puts below a task's threshold has probability zero.

Knows: logged choices, the draw, the estimates. Does not know: how a model is trained, what is promoted.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import estimates
from engine.choice import blended, propensities
from engine.estimates import Replies
from engine.gate import Interval, student
from engine.grams import tokens_of
from engine.journal_choices import LoggedChoice
from engine.reward import RewardModel

Numbers = NDArray[np.float64]

FALLS = 0.02
"""What must not fall may be lower by so much (of 1) at the interval's upper end, or it fell."""
_LEAST = 30
"""Replies below which nothing is estimated."""


@dataclass(frozen=True, slots=True)
class Rechosen:
    """What choosing by the new model would change on `replies` logged ones, of which `judged` were judged.

    `sent`: the value of a reply as chosen. `snips` and `doubly_robust`: the gain. `abstained`: share of
    requests on which the model abstains. `changes`: of each measure that must not fall, the change.
    """

    replies: int
    judged: int
    sent: Interval
    snips: Interval
    doubly_robust: Interval
    abstained: float
    changes: Mapping[str, Interval]

    @property
    def fallen(self) -> list[str]:
        """The measures that surely fell."""
        return [name for name, change in self.changes.items() if change.high < -FALLS]

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "fallen": self.fallen}


def rechosen(
    model: RewardModel,
    logged: Sequence[LoggedChoice],
    values: Mapping[str, float],
    thresholds: Mapping[str, float],
) -> Rechosen | None:
    """`values`: what people think of each judged reply, by generation; the others are worth 0.

    `thresholds`: the judge's score below which a task's drafts are not sent. None: too few replies.
    """
    if len(logged) < _LEAST:
        return None
    wanted, expected = [], []
    abstained = 0
    for one in logged:
        least = min(thresholds.get(one.task, 0.0), max(one.scores))
        liked = model.rank(one.texts, one.task)
        abstained += liked is None
        scores = one.scores if liked is None else tuple(map(blended, one.scores, liked))
        wanted.append(propensities(scores, [score >= least for score in one.scores]))
        expected.append(np.full(len(scores), 0.5) if liked is None else np.array(liked))
    replies = Replies(
        np.array([values.get(one.generation, 0.0) for one in logged]),
        np.array([one.propensity for one in logged]),
        wanted,
        expected,
        np.array([one.chosen for one in logged]),
        [one.person for one in logged],
    )
    return Rechosen(
        replies=len(logged),
        judged=sum(one.generation in values for one in logged),
        sent=estimates.on_policy(replies),
        snips=estimates.snips(replies),
        doubly_robust=estimates.doubly_robust(replies),
        abstained=abstained / len(logged),
        changes=changes(logged, wanted),
    )


def changes(logged: Sequence[LoggedChoice], wanted: Sequence[Numbers]) -> dict[str, Interval]:
    """The judge's score, form, novelty and variety of what would be sent, less those of what was sent."""
    found = {"score": _change([np.array(one.scores) for one in logged], logged, wanted)}
    for name in ("form", "novelty"):
        there = [place for place, one in enumerate(logged) if all(name in parts for parts in one.parts)]
        if len(there) >= _LEAST:
            rows = [np.array([parts[name] for parts in logged[place].parts]) for place in there]
            found[name] = _change(rows, [logged[n] for n in there], [wanted[n] for n in there])
    seen: dict[tuple[str, str], int] = {}
    pairs = [[_pairs(text) for text in one.texts] for one in logged]
    for one, held in zip(logged, pairs, strict=True):
        for pair in held[one.chosen]:
            seen[pair] = seen.get(pair, 0) + 1
    often = max(2, len(logged) // 50)
    fresh = [
        np.array([np.mean([seen.get(pair, 0) < often for pair in row]) if row else 1.0 for row in held])
        for held in pairs
    ]
    found["variety"] = _change(fresh, logged, wanted)  # share of word pairs that few of the replies hold
    return found


def _pairs(text: str) -> set[tuple[str, str]]:
    tokens = tokens_of(text)
    return set(itertools.pairwise(tokens))


def _change(rows: Sequence[Numbers], logged: Sequence[LoggedChoice], wanted: Sequence[Numbers]) -> Interval:
    differences = np.array(
        [float(way @ row) - row[one.chosen] for row, one, way in zip(rows, logged, wanted, strict=True)]
    )
    reach = student(len(differences) - 1) * float(differences.std(ddof=1)) / np.sqrt(len(differences))
    value = float(differences.mean())
    return Interval(value, value - float(reach), value + float(reach))
