"""How a reward model would have chosen among logged drafts, and what that would have changed.

The gain by SNIPS and doubly robust estimates stands beside what was sent (`engine.estimates`); and of the
texts that would be sent, what must not fall:

    form, novelty, fluency, variety, safety
        against what was sent. A fall is refused that is sure (the whole interval below 0), and one of more
        than `FALLS` that chance makes less than once in twenty, so that few replies are no excuse. Two may
        fall by `HARDLY`, however sure that is. Variety: to choose what people like is to choose more alike.
        Fluency: of a poem it is seven tenths of the judge's score, so a model that says anything else than
        the judge does costs some; with none allowed, `bench loop` lets none of the better ones pass.
    score, fluency
        against a draft at random of those that the judge alone would send, by the same rule. The judge's
        whole score is held against nothing else: it is the very thing that is weighed anew, the way in force
        seeks it by itself, and whatever else is sought falls short of it (a better model costs 0.03 of it in
        `bench loop`, surely). Below chance a model would seek its opposite.

Safety is measured, with today's check, though what is unsafe was no draft when it was written; and what the
judge puts below a task's threshold has probability zero. Fluency is the inverse of perplexity a token, of
replies each of whose drafts was written (a page of the book has none).

Knows: logged choices, the draw, the estimates. Does not know: how a model is trained, what is promoted.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import estimates, safety
from engine.choice import blended, propensities
from engine.estimates import Replies
from engine.gate import Interval, student
from engine.grams import tokens_of
from engine.journal_choices import LoggedChoice
from engine.reward import RewardModel

Numbers = NDArray[np.float64]

FALLS = 0.02
"""A fall of more than this (of 1) is refused though it may be chance, if that is unlikely."""
HARDLY = {"variety": 0.005, "fluency": 0.05}
"""What may fall by so little, however sure that is. Fluency of 0.8, which poems have, by a sixteenth: about
as far as a draft at random falls short of what is sent."""
_ONE_SIDED = 1.645 / 1.96
_ROUNDING = 1e-9
_CHECKED = 1000
"""Replies at most whose drafts are checked for safety: a check takes a millisecond a draft."""
_LEAST = 30
"""Replies below which nothing is estimated."""


_PARTS = ("form", "novelty", "fluency")
"""Of what is known of each draft."""
_SOUGHT = ("score", "fluency")
"""Measures that the way in force seeks by itself, held against chance."""


@dataclass(frozen=True, slots=True)
class Rechosen:
    """What choosing by the new model would change on `replies` logged ones, of which `judged` were judged.

    `sent`: the value of a reply as chosen. `snips` and `doubly_robust`: the gain. `abstained`: share of
    requests on which the model abstains. `changes`: of each measure, what would be sent less what was;
    `over_chance`: of what the way in force seeks by itself, what would be sent less a draft at random.
    `flagged`: the share of what would be sent that the safety check would not let pass.
    """

    replies: int
    judged: int
    sent: Interval
    snips: Interval
    doubly_robust: Interval
    abstained: float
    changes: Mapping[str, Interval]
    over_chance: Mapping[str, Interval] = field(default_factory=dict)
    flagged: float = 0.0

    @property
    def fallen(self) -> list[str]:
        """The measures that fell, by the rule at this module's head."""
        less = {name: change for name, change in self.changes.items() if name != "score"}
        fell = [name for name, change in less.items() if _fell(change, HARDLY.get(name, 0.0))]
        below = [name for name, change in self.over_chance.items() if _fell(change)]
        return list(dict.fromkeys([*fell, *below]))

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
    wanted, expected, usual = [], [], []
    abstained = 0
    for one in logged:
        least = min(thresholds.get(one.task, 0.0), max(one.scores))
        liked = model.rank(one.texts, one.task)
        abstained += liked is None
        scores = one.scores if liked is None else tuple(map(blended, one.scores, liked))
        allowed = [score >= least for score in one.scores]
        wanted.append(propensities(scores, allowed))
        usual.append(propensities(one.scores, allowed) > 0)
        expected.append(np.full(len(scores), 0.5) if liked is None else np.array(liked))
    replies = Replies(
        np.array([values.get(one.generation, 0.0) for one in logged]),
        np.array([one.propensity for one in logged]),
        wanted,
        expected,
        np.array([one.chosen for one in logged]),
        [one.person for one in logged],
    )
    there = {name: _logged(name, logged) for name in ("score", *_PARTS)}
    safe = _safe(logged)
    changes = {name: _change(rows, places, logged, wanted) for name, (places, rows) in there.items() if rows}
    changes["variety"] = _change(_variety(logged), range(len(logged)), logged, wanted)
    changes["safety"] = _change(list(safe.values()), list(safe), logged, wanted)
    return Rechosen(
        replies=len(logged),
        judged=sum(one.generation in values for one in logged),
        sent=estimates.on_policy(replies),
        snips=estimates.snips(replies),
        doubly_robust=estimates.doubly_robust(replies),
        abstained=abstained / len(logged),
        changes=changes,
        over_chance={
            name: _over_chance(rows, [wanted[place] for place in places], [usual[place] for place in places])
            for name, (places, rows) in there.items()
            if rows and name in _SOUGHT
        },
        flagged=float(np.mean([wanted[place] @ (1 - row) for place, row in safe.items()])),
    )


def _fell(change: Interval, little: float = 0.0) -> bool:
    sure = change.high < -_ROUNDING and change.value < -little
    upper = change.value + _ONE_SIDED * (change.high - change.value)  # of a one-sided interval of 95 %
    return sure or (change.value < -max(FALLS, little) and upper < 0)


def _logged(name: str, logged: Sequence[LoggedChoice]) -> tuple[Sequence[int], list[Numbers]]:
    """A measure of each draft, of those replies all of whose drafts have it: their places and rows; no rows
    where too few have it."""
    if name == "score":
        return range(len(logged)), [np.array(one.scores) for one in logged]
    there = [place for place, one in enumerate(logged) if all(name in parts for parts in one.parts)]
    if len(there) < _LEAST:
        return (), []
    return there, [np.array([parts[name] for parts in logged[place].parts]) for place in there]


def _safe(logged: Sequence[LoggedChoice]) -> dict[int, Numbers]:
    """1 for each draft that the safety check lets pass, by the reply's place; of many replies some."""
    places = range(0, len(logged), math.ceil(len(logged) / _CHECKED))
    texts = list({text: None for place in places for text in logged[place].texts})
    fine = dict(zip(texts, safety.safe(texts), strict=True))
    return {place: np.array([float(fine[text]) for text in logged[place].texts]) for place in places}


def _variety(logged: Sequence[LoggedChoice]) -> list[Numbers]:
    """Of each draft the share of its word pairs that few of the replies hold."""
    seen: dict[tuple[str, str], int] = {}
    pairs = [[_pairs(text) for text in one.texts] for one in logged]
    for one, held in zip(logged, pairs, strict=True):
        for pair in held[one.chosen]:
            seen[pair] = seen.get(pair, 0) + 1
    often = max(2, len(logged) // 50)
    return [
        np.array([np.mean([seen.get(pair, 0) < often for pair in row]) if row else 1.0 for row in held])
        for held in pairs
    ]


def _pairs(text: str) -> set[tuple[str, str]]:
    tokens = tokens_of(text)
    return set(itertools.pairwise(tokens))


def _change(
    rows: Sequence[Numbers],
    places: Sequence[int],
    logged: Sequence[LoggedChoice],
    wanted: Sequence[Numbers],
) -> Interval:
    """What would be sent less what was, of the replies at these places."""
    return _mean(
        [
            float(wanted[place] @ row) - row[logged[place].chosen]
            for place, row in zip(places, rows, strict=True)
        ]
    )


def _over_chance(
    rows: Sequence[Numbers], wanted: Sequence[Numbers], usual: Sequence[NDArray[np.bool_]]
) -> Interval:
    """What would be sent less a draft at random, of those that the judge alone would let be sent."""
    return _mean(
        [float(way @ row) - float(row[may].mean()) for row, way, may in zip(rows, wanted, usual, strict=True)]
    )


def _mean(differences: Sequence[float]) -> Interval:
    value = float(np.mean(differences))
    spread = float(np.std(differences, ddof=1))
    reach = student(len(differences) - 1) * spread / math.sqrt(len(differences))
    return Interval(value, value - reach, value + reach)
