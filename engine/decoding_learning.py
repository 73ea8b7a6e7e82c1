"""Which setting of decoding people like, in every task and channel: learnt from their judgements.

    learnt = learn(JudgedArms(journal), {"chat": arms_of(task)})
    choices_of(learnt).save(folder)

The posterior is Gaussian and has three layers: a setting's effect in a task, its effect in one channel of the
task around that, and a person's liking of it there. Effects are measured against what the same person thinks
of replies at large, so that who likes everything moves nothing; a person's own spread bounds what one person
can say, however often they judge. To expect the prompt file's own setting to be better by 0.1 beforehand
gained 0.01 in `bench loop`, which is the seeds' noise, and was left out.

Judgements are read once (`engine.decoding_judged`) and held a channel at a time. Of a person some sums stay,
of a channel how much is known of each setting and what that is: memory grows with people and channels, not
with judgements.

Knows: the posterior, how likely each setting is the best one, the version's card. Does not know: the journal,
how a setting is drawn or put to use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.decoding_choice import CONTROL, Choices
from engine.decoding_judged import HeldArms, JudgedArm, Rows

Numbers = NDArray[np.float64]

MIN_JUDGEMENTS, MIN_PEOPLE, MIN_EITHER = 60, 5, 8
"""Of a task, before anything is drawn: judgements, people, likes and dislikes."""
MIN_CHANNEL_PEOPLE = 3
"""Below these a channel has no taste of its own: a file must not hold one person's."""
# Standard deviations in units of a judgement, which is -1 or 1.
EFFECT = 0.15  # of a setting's effect in a task
CHANNEL_EFFECT = 0.1  # of a channel's around it
PERSON_EFFECT = 0.5  # of a person's around that: however much somebody judges, they count as four at most
JUDGEMENT = 0.9  # of one judgement around what its person thinks
_PRIOR_VOTES = 2.0  # a person's mean is pulled to everybody's by so many judgements
_IN_MEMORY = 2**20  # bytes of judgements that need no file
_STANDARD = np.linspace(-8.5, 8.5, 8501)
_BELOW = np.array(
    [0.5 * math.erfc(-x / math.sqrt(2)) for x in _STANDARD]
)  # of a Gaussian; between them to 1e-7


@dataclass(frozen=True, slots=True)
class Posterior:
    """A setting's effect on a judgement and how sure that is; judgements and people it is known from."""

    mean: float
    deviation: float
    judgements: int
    people: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """What `tune` found of one task. `probabilities`: by channel, "" for all others. `since` and `until`: of
    the judgements, seconds since 1970. `voters` (P,): which of all people judged this task."""

    judgements: int
    people: int
    posterior: Mapping[str, Posterior]
    probabilities: Mapping[str, Mapping[str, float]]
    gain: float | None
    error: float | None
    since: float = 0.0
    until: float = 0.0
    voters: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool), repr=False, compare=False)

    def values(self) -> dict[str, Any]:
        """For the report: channels are counted, not named."""
        return {
            "judgements": self.judgements,
            "people": self.people,
            "channels": len(self.probabilities) - 1,
            "best": max(self.posterior, key=lambda arm: self.posterior[arm].mean),
            "probabilities": dict(self.probabilities[""]),
            "effects": {
                arm: {"effect": round(one.mean, 4), "deviation": round(one.deviation, 4)}
                for arm, one in self.posterior.items()
            },
            "gain_over_control": self.gain,
            "gain_error": self.error,
        }


class _Task:
    """What is known of a task with K settings: first how P people vote (`count`, `settle`), then channel by
    channel what they think of its settings (`hear`).

    Votes are kept apart by what was drawn: nothing, by choice, at random; each (3, P).
    """

    def __init__(self, arms: Sequence[str], people: int) -> None:
        self.arms, self.likes = tuple(arms), 0
        self._totals, self._votes = np.zeros((3, people)), np.zeros((3, people), np.int64)
        self._counts, self._heard = np.zeros(len(arms), np.int64), np.zeros((len(arms), people), bool)
        self._mean = np.zeros(people)
        self._channels: dict[str, Numbers] = {}  # each (2, K): precisions, and means times these
        self._shared: list[str] = []

    def count(self, rows: Rows) -> None:
        person, arm = rows["person"], rows["arm"]
        drawn = np.where(arm < 0, 0, 1 + rows["control"])
        np.add.at(self._totals, (drawn, person), rows["total"])
        np.add.at(self._votes, (drawn, person), rows["judgements"])
        self.likes += int(rows["likes"].sum())

    @property
    def judged(self) -> int:
        return int(self._votes.sum())

    @property
    def voters(self) -> NDArray[np.bool_]:
        return np.asarray(self._votes.sum(axis=0) > 0)

    @property
    def people(self) -> int:
        return int(self.voters.sum())

    @property
    def enough(self) -> bool:
        either = min(self.likes, self.judged - self.likes)
        return self.judged >= MIN_JUDGEMENTS and self.people >= MIN_PEOPLE and either >= MIN_EITHER

    def settle(self) -> None:
        """All are counted: what each person thinks of replies at large, pulled to what everybody does."""
        everybody = self._totals.sum() / self.judged
        votes = self._votes.sum(axis=0)
        self._mean = (self._totals.sum(axis=0) + _PRIOR_VOTES * everybody) / (votes + _PRIOR_VOTES)

    def hear(self, channel: str, rows: Rows) -> None:
        """All rows of a channel."""
        rows = rows[(rows["arm"] >= 0) & (rows["arm"] < len(self.arms))]
        if not len(rows):
            return
        cells, cell = np.unique(
            rows["arm"].astype(np.int64) * len(self._mean) + rows["person"], return_inverse=True
        )
        arm, person = np.divmod(cells, len(self._mean))
        count = np.bincount(cell, rows["judgements"])
        against = np.bincount(cell, rows["total"]) / count - self._mean[person]
        weight = 1 / (PERSON_EFFECT**2 + JUDGEMENT**2 / count)
        precision = np.bincount(arm, weight, len(self.arms))
        weighted = np.bincount(arm, weight * against, len(self.arms))
        self._channels[channel] = np.stack([precision, weighted])
        np.add.at(self._counts, rows["arm"], rows["judgements"])
        self._heard[arm, person] = True
        if channel and len(np.unique(person)) >= MIN_CHANNEL_PEOPLE:
            self._shared.append(channel)

    def learnt(self) -> Learnt:
        found = np.array([*self._channels.values()]).reshape(-1, 2, len(self.arms))
        precision, weighted = found[:, 0], found[:, 1]
        # of a task's effect a channel says no more than channels are alike
        spread = 1 + CHANNEL_EFFECT**2 * precision
        known, says = precision / spread, weighted / spread
        means, deviations = _effect(known.sum(axis=0), says.sum(axis=0))
        posterior = {
            arm: Posterior(float(mean), float(deviation), int(count), int(people.sum()))
            for arm, mean, deviation, count, people in zip(
                self.arms, means, deviations, self._counts, self._heard, strict=True
            )
        }
        probabilities = {"": self._probabilities(means, deviations)}
        # in a channel: what is known there, pooled with what the others say of the task
        means, deviations = _effect(known.sum(axis=0) - known, says.sum(axis=0) - says)
        others = 1 / (deviations**2 + CHANNEL_EFFECT**2)
        pooled = others + precision
        here = zip((others * means + weighted) / pooled, pooled**-0.5, strict=True)
        by_channel = dict(zip(self._channels, here, strict=True))
        for channel in sorted(self._shared):
            probabilities[channel] = self._probabilities(*by_channel[channel])
        gain, error = self._gain()
        return Learnt(self.judged, self.people, posterior, probabilities, gain, error, voters=self.voters)

    def _probabilities(self, means: Numbers, deviations: Numbers) -> dict[str, float]:
        """How likely each setting is the best one."""
        found = best(means, deviations)
        return {arm: round(float(p), 6) for arm, p in zip(self.arms, found, strict=True)}

    def _gain(self) -> tuple[float | None, float | None]:
        """What the learnt choice brings over the random one, in units of a judgement, and its standard error,
        each person counting once."""
        sides = []
        for totals, votes in zip(self._totals[1:], self._votes[1:], strict=True):
            theirs = votes > 0
            sides.append(totals[theirs] / votes[theirs] - self._mean[theirs])
        if min(map(len, sides)) < MIN_PEOPLE:
            return None, None
        error = math.sqrt(sum(side.var(ddof=1) / len(side) for side in sides))
        return round(float(sides[0].mean() - sides[1].mean()), 4), round(error, 4)


def learn(rows: Iterable[JudgedArm], tasks: Mapping[str, Sequence[str]]) -> dict[str, Learnt]:
    """Each task that has enough judgements. `tasks`: their settings, by `arms_of`.

    `rows` come channel by channel; they are read once. Raises ValueError where a channel comes back.
    """
    tasks = {name: arms for name, arms in sorted(tasks.items()) if arms}
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        held = HeldArms(rows, tasks, file)
        known = [_Task(arms, held.people) for arms in tasks.values()]
        for _, here in held:
            for number, of_task in _by_task(here):
                known[number].count(of_task)
        enough = {number: task for number, task in enumerate(known) if task.enough}
        for task in enough.values():
            task.settle()
        for channel, here in held:
            for number, of_task in _by_task(here):
                if number in enough:
                    enough[number].hear(channel, of_task)
        names = list(tasks)
        found = {}
        for number, task in enough.items():
            since, until = held.times[number]
            found[names[number]] = replace(task.learnt(), since=since, until=until)
        return found


def _by_task(rows: Rows) -> Iterator[tuple[int, Rows]]:
    for number in np.unique(rows["task"]).tolist():
        yield number, rows[rows["task"] == number]


def _effect(known: Numbers, says: Numbers) -> tuple[Numbers, Numbers]:
    """Means and deviations of settings' effects in a task, given the precision and the weighted sum of what
    channels say."""
    precision = known + 1 / EFFECT**2
    return says / precision, precision**-0.5


def best(means: Numbers, deviations: Numbers) -> Numbers:
    """The probability that each of K independent Gaussians is the largest: (K,), which sum to 1."""
    # the largest is hardly below where any of them begins
    low, high = (means - 6 * deviations).max(), (means + 6 * deviations).max()
    x = np.linspace(low, high, 1001)[:, None]
    standard = (x - means) / deviations
    density = np.exp(-0.5 * standard**2) / deviations
    below = np.log(np.clip(np.interp(standard, _STANDARD, _BELOW, left=0.0, right=1.0), 1e-300, 1.0))
    others = np.exp(below.sum(axis=1, keepdims=True) - below)
    found: Numbers = (density * others).sum(axis=0)
    found /= found.sum()
    return found


def learnt_from(learnt: Mapping[str, Learnt]) -> dict[str, float]:
    """Of all tasks together: judgements, people, and the times of the first and the last judgement."""
    if not learnt:
        return {"judgements": 0, "people": 0, "since": 0.0, "until": 0.0}
    return {
        "judgements": sum(one.judgements for one in learnt.values()),
        "people": int(np.logical_or.reduce([one.voters for one in learnt.values()]).sum()),
        "since": min(one.since for one in learnt.values()),
        "until": max(one.until for one in learnt.values()),
    }


def choices_of(learnt: Mapping[str, Learnt]) -> Choices:
    return Choices({task: one.probabilities for task, one in learnt.items()})


def card(learnt: Mapping[str, Learnt]) -> str:
    """The version's card. It names nobody."""
    rows = [
        f"| {task} | {arm} | {one.mean:+.3f} ± {one.deviation:.3f} | {found.probabilities[''][arm]:.2f} "
        f"| {one.judgements} | {one.people} |"
        for task, found in learnt.items()
        for arm, one in found.posterior.items()
    ]
    head = "| task | setting | effect on a judgement (-1 to 1) | drawn | judgements | people |"
    return "\n".join(
        [
            "# Choice of decoding",
            "",
            "How often each setting is drawn (Thompson sampling), learnt by `python -m engine tune` from",
            f"judgements of one journal; {CONTROL:.0%} of all draws are at random beside that. Channels are",
            "drawn towards their own.",
            "",
            head,
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
