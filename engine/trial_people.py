"""What people's judgements say in a live test: a gain with bounds that hold at every look, nobody's alone.

    looks = sequence([Judged(new=True, opinions=(("p1", 1.0), ("p2", -1.0))), …])

Each judgement counts by how far it lies from what its person usually thinks (the mean of theirs before, two
neutral ones added: who always likes says nothing). A reply's share is 2·(±1) times the sum of its
judgements, plus for the new arm: an arm is as likely as the other, so the share's expectation is the gain.

One person does not decide, in two ways:
  the cap     a person's judgements count until they are a tenth of the whole (of fewer than ten people, an
              even share); before enough has been said to make that ten judgements, up to ten. Whatever counts
              is fixed before the reply is drawn, so no chance is bent by it;
  the bounds  are never narrower than people differ: the lower one than those differ who find more gain than
              the rest, the upper one than those who find less. One person's share of the gain is at most
              about one standard error of it, and a decision takes more than three.

The sequence of bounds holds at all times at once (Waudby-Smith et al. 2021, asymptotic) as it would without
regard to people, and is only ever made wider.

Knows: judgements of both arms. Does not know: journals, versions, what a decision leads to.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.gate import Interval
from engine.people import CAP

ALPHA = 0.05
LEAST = 100
"""Replies, and judgements that count, before anything is decided: the sequence rests on a normal
approximation, and the cap on a tenth of these."""
PEOPLE = 3.0
"""People of equal weight that judged, before anything is decided."""
_FREELY = CAP * LEAST  # judgements of a person that count whatever the others say
_NEUTRAL = 2.0  # judgements of 0 that a person's mean is counted with
_TIGHT = 1000  # replies at which the bounds are narrowest
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Judged:
    """A reply: whether the new model ranked it, and what each person who judged it thinks, in [-1, 1]."""

    new: bool
    opinions: tuple[tuple[Hashable, float], ...] = ()

    @property
    def value(self) -> float:
        """What people think of it in the mean, 0 where nobody said anything."""
        return sum(value for _, value in self.opinions) / max(1, len(self.opinions))


class Shares:
    """The sums that bounds are made of, reply by reply."""

    def __init__(self) -> None:
        self._place: dict[Hashable, int] = {}
        # of each person: judgements as they count, share of the sum, judgements, sum of their values
        self._people = np.zeros((4, 16))
        self._replies = 0
        self._sum = self._squares = 0.0

    def by_person(self) -> dict[Hashable, tuple[float, float]]:
        """How much of each person's judgements counts so far, in judgements, and what they add to the sum of
        all replies' gains."""
        return {
            name: (float(self._people[0, n]), float(self._people[1, n])) for name, n in self._place.items()
        }

    def add(self, reply: Judged) -> None:
        """The next reply in the order of time."""
        sign, total = 2.0 if reply.new else -2.0, 0.0
        places = [self._place.setdefault(name, len(self._place)) for name, _ in reply.opinions]
        while len(self._place) > self._people.shape[1]:
            self._people = np.concatenate([self._people, np.zeros_like(self._people)], axis=1)
        room = [self._room(place) for place in places]
        for place, weight, (_, value) in zip(places, room, reply.opinions, strict=True):
            _, _, votes, values = self._people[:, place]
            share = sign * weight * (value - values / (votes + _NEUTRAL))
            self._people[:, place] += (weight, share, 1.0, value)
            total += share
        self._replies += 1
        self._sum += total
        self._squares += total**2

    def bounds(self, alpha: float = ALPHA) -> Interval:
        """The gain of a reply so far; unbounded while too little was said to decide anything."""
        count = self._replies
        mean = self._sum / count if count else 0.0
        counted, shares = self._people[:2, : len(self._place)]
        whole = float(counted.sum())
        if count < LEAST or whole < LEAST or whole**2 < PEOPLE * float((counted**2).sum()):
            return Interval(mean, -math.inf, math.inf)
        apart = shares - counted * self._sum / whole
        among_replies = max(self._squares - count * mean**2, _LEAST_VARIANCE * count)
        spread = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / _TIGHT
        grown = count * spread + 1
        reach = math.sqrt(2 * grown / (count**2 * spread) * math.log(math.sqrt(grown) / alpha) / count)
        # of either side alone: who pulls the other way does not stand in the way of a decision
        above, below = (
            reach * math.sqrt(max(among_replies, 2 * float((side**2).sum())))
            for side in (apart.clip(min=0), apart.clip(max=0))
        )
        return Interval(mean, mean - above, mean + below)

    def _room(self, place: int) -> float:
        """How much of this person's next judgement counts, from 0 to 1."""
        mine = float(self._people[0, place])
        others, number = float(self._people[0].sum()) - mine, len(self._place) - 1
        # one more than the others have in the mean: else equals would wait for each other
        even = others / number + 1 if number else 0.0
        return max(0.0, min(1.0, max(_FREELY, others * CAP / (1 - CAP), even) - mine))


def sequence(replies: Sequence[Judged], alpha: float = ALPHA) -> list[Interval]:
    """The gain after each reply with bounds that all hold at once with probability 1 - alpha."""
    shares, looks = Shares(), []
    for reply in replies:
        shares.add(reply)
        looks.append(shares.bounds(alpha))
    return looks
