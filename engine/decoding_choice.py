"""Which setting of decoding a request is written with: drawn by how likely each is the best one here.

    learnt = learn(rows)                        from judgements of replies whose setting was drawn
    choices = Choices.load(folder)              the version in force, as `engine.tuned` keeps it
    chosen = choices.draw("chat", channel, seed)

The settings are few and near the prompt file's own: a little cooler or warmer, a narrower or wider nucleus,
a readiness to end. Thompson sampling draws a setting as often as it is the best one under the posterior;
between two tunings the posterior stands still, so these probabilities are worked out by `tune` and kept, and
a reply's seed draws from them: what is logged replays exactly, and so does the draw.

The posterior is Gaussian and has three layers: a setting's effect in a task, its effect in one channel of the
task around that, and a person's liking of it there. Effects are measured against what the same person thinks
of replies at large, so that who likes everything moves nothing; a person's own spread bounds what one person
can say, however often they judge. To expect the prompt file's own setting to be better by 0.1 beforehand
gained 0.01 in `bench loop`, which is the seeds' noise, and was left out.

A tenth of the draws are at random, apart from what was learnt and marked as such: they are what the learnt
choice is compared with. Below a least number of judgements and people a task is not in the file, and then
nothing is drawn: it is written as its prompt file says.

Knows: the settings, the posterior, the draw, the file. Does not know: how a setting is put to use
(`engine.compose`), which version is in force, danger and fixed sentences (they are never decoded).
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelBroken
from engine.journal import Journal
from engine.journal_guilds import places_by_channel
from engine.task import Decoding, Task
from engine.tuned import CHOICES, DECODING, hash_of
from engine.values import Request

Numbers = NDArray[np.float64]

CONTROL = 0.1
"""The share of draws at random."""
MIN_JUDGEMENTS, MIN_PEOPLE, MIN_EITHER = 60, 5, 8
"""Of a task, before anything is drawn: judgements, people, likes and dislikes."""
MIN_CHANNEL_PEOPLE = 3
"""Below these a channel has no taste of its own: a file must not hold one person's."""
OWN = "own"
# Standard deviations in units of a judgement, which is -1 or 1.
EFFECT = 0.15  # of a setting's effect in a task
CHANNEL_EFFECT = 0.1  # of a channel's around it
PERSON_EFFECT = 0.5  # of a person's around that: however much somebody judges, they count as four at most
JUDGEMENT = 0.9  # of one judgement around what its person thinks
_PRIOR_VOTES = 2.0  # a person's mean is pulled to everybody's by so many judgements
_STANDARD = np.linspace(-8.5, 8.5, 8501)
_BELOW = np.array(
    [0.5 * math.erfc(-x / math.sqrt(2)) for x in _STANDARD]
)  # of a Gaussian; between them to 1e-7
_STREAM = 2**62 + 1  # of a seed's random numbers; latents, tokens and the draft have others


@dataclass(frozen=True, slots=True)
class Arm:
    """A setting beside the prompt file's own: times its temperature, more nucleus, nats for the end."""

    temperature: float = 1.0
    nucleus: float = 0.0
    ending: float = 0.0

    def of(self, decoding: Decoding) -> dict[str, float]:
        """Temperature, nucleus and, where it is not the model's own, the readiness to end."""
        values = {
            "temperature": decoding.temperature * self.temperature,
            "nucleus": min(0.98, max(0.3, decoding.nucleus + self.nucleus)),
        }
        return values | ({"ending": self.ending} if self.ending else {})


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        OWN: Arm(),
        "cooler": Arm(temperature=0.75),
        "warmer": Arm(temperature=1.3),
        "narrower": Arm(nucleus=-0.1),
        "wider": Arm(nucleus=0.08),
        "shorter": Arm(ending=1.0),
        "longer": Arm(ending=-1.0),
    }
)


def arms_of(task: Task) -> tuple[str, ...]:
    """The settings a task has; none where nothing is sampled. A verse's length is its form's to say."""
    if task.dial or task.model not in ("talk", "verse"):
        return ()
    return tuple(name for name, arm in ARMS.items() if not (arm.ending and task.model == "verse"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A drawn setting. `propensity`: how likely it was to be drawn in all; `control`: drawn at random."""

    arm: str
    propensity: float
    control: bool

    def values(self) -> dict[str, Any]:
        """As a reply logs it."""
        return {"arm": self.arm, "propensity": round(self.propensity, 6), "control": self.control}


@dataclass(frozen=True, slots=True)
class JudgedArm:
    """What one person in one channel thinks of a task's replies that were drawn with one setting, "" where
    none was drawn: the sum of their judgements, how many there are and how many are likes."""

    task: str
    channel: str
    person: str
    arm: str
    control: bool
    total: float
    count: int
    likes: int


@dataclass(frozen=True, slots=True)
class JudgedArms:
    """What stands of judgements, with hashes in place of people and channels; may be read again and again.
    A channel after the other, as `learn` wants it."""

    journal: Journal

    def __iter__(self) -> Iterator[JudgedArm]:
        for channel, places in places_by_channel(self.journal):
            rows = self.journal._db.execute(
                "SELECT task, person, arm, control, sum(value), count(*), sum(value > 0) FROM replies AS r "
                "CROSS JOIN standing AS s ON s.generation = r.number JOIN persons AS p ON p.number = s.who "
                "JOIN sorts AS k ON k.number = r.sort JOIN draws AS d ON d.number = r.draw "
                f"WHERE r.place IN ({places}) AND origin NOT IN ('fixed', 'extract') AND value <> 0 "
                "GROUP BY task, s.who, arm, control"
            )
            for task, person, arm, control, total, count, likes in rows:
                yield JudgedArm(task, channel, person, arm, bool(control), total, count, likes)


@dataclass(frozen=True, slots=True)
class Posterior:
    """A setting's effect on a judgement and how sure that is; judgements and people it is known from."""

    mean: float
    deviation: float
    judgements: int
    people: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """What `tune` found of one task. `probabilities`: by channel, "" for all others."""

    judgements: int
    people: int
    posterior: Mapping[str, Posterior]
    probabilities: Mapping[str, Mapping[str, float]]
    gain: float | None
    error: float | None

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


@dataclass(slots=True)
class _Cell:
    """What one person in one channel thinks of one setting, against what they think at large."""

    total: float = 0.0
    count: int = 0

    @property
    def variance(self) -> float:
        return PERSON_EFFECT**2 + JUDGEMENT**2 / self.count

    @property
    def mean(self) -> float:
        return self.total / self.count

    def add(self, total: float, count: int) -> None:
        self.total += total
        self.count += count


class _Task:
    """What is known of a task: first each person's votes (`count`), then channel by channel of its settings.

    Of a channel's judgements what is left is a mean and a variance of each setting.
    """

    def __init__(self, arms: Sequence[str]) -> None:
        self.arms, self.likes, self.judged = tuple(arms), 0, 0
        self.votes: dict[str, _Cell] = defaultdict(_Cell)
        self.own: dict[str, dict[str, tuple[float, float]]] = {arm: {} for arm in arms}
        self.counts, self.people = Counter[str](), {arm: set[str]() for arm in arms}
        self.sides: tuple[dict[str, _Cell], dict[str, _Cell]] = (defaultdict(_Cell), defaultdict(_Cell))
        self.shared: list[str] = []
        self._mean: dict[str, float] = {}

    def count(self, row: JudgedArm) -> None:
        self.votes[row.person].add(row.total, row.count)
        self.likes += row.likes
        self.judged += row.count

    @property
    def enough(self) -> bool:
        either = min(self.likes, self.judged - self.likes)
        return self.judged >= MIN_JUDGEMENTS and len(self.votes) >= MIN_PEOPLE and either >= MIN_EITHER

    def mean(self, person: str) -> float:
        """What this person thinks of replies at large, pulled to what everybody does."""
        if not self._mean:
            everybody = sum(cell.total for cell in self.votes.values()) / self.judged
            self._mean = {
                who: (cell.total + _PRIOR_VOTES * everybody) / (cell.count + _PRIOR_VOTES)
                for who, cell in self.votes.items()
            }
        return self._mean[person]

    def hear(self, channel: str, rows: Iterable[JudgedArm]) -> None:
        """All rows of a channel."""
        cells: dict[str, dict[str, _Cell]] = defaultdict(lambda: defaultdict(_Cell))
        for row in rows:
            against = row.total - row.count * self.mean(row.person)
            if row.arm:
                self.sides[row.control][row.person].add(against, row.count)
            if row.arm in self.own:
                cells[row.arm][row.person].add(against, row.count)
                self.counts[row.arm] += row.count
        for arm, people in cells.items():
            self.own[arm][channel] = _pooled(people)
            self.people[arm].update(people)
        if channel and len(set().union(*cells.values())) >= MIN_CHANNEL_PEOPLE:
            self.shared.append(channel)

    def learnt(self) -> Learnt:
        of_all = {arm: _sums(self.own[arm].values()) for arm in self.arms}
        posterior = {
            arm: Posterior(*_effect(*of_all[arm]), self.counts[arm], len(self.people[arm]))
            for arm in self.arms
        }
        probabilities = {"": _probabilities(posterior)}
        for channel in sorted(self.shared):
            here = {arm: _in_channel(of_all[arm], self.own[arm].get(channel)) for arm in self.arms}
            probabilities[channel] = _probabilities(here)
        return Learnt(self.judged, len(self.votes), posterior, probabilities, *_gain(*self.sides))


def learn(rows: Iterable[JudgedArm], tasks: Mapping[str, Sequence[str]]) -> dict[str, Learnt]:
    """Each task that has enough judgements. `tasks`: their settings, by `arms_of`.

    `rows` are read twice and come channel by channel: no more than one channel's are held. Raises ValueError
    where a channel comes back.
    """
    known = {name: _Task(arms) for name, arms in tasks.items() if arms}
    for row in rows:
        if row.task in known:
            known[row.task].count(row)
    known = {name: task for name, task in sorted(known.items()) if task.enough}
    heard: set[str] = set()
    for channel, here in groupby(rows, lambda row: row.channel):
        if channel in heard:
            raise ValueError("judgements must come channel by channel")
        heard.add(channel)
        for name, of_task in groupby(sorted(here, key=lambda row: row.task), lambda row: row.task):
            if name in known:
                known[name].hear(channel, of_task)
    return {name: task.learnt() for name, task in known.items()}


def _pooled(people: Mapping[str, _Cell]) -> tuple[float, float]:
    """Mean and variance of a setting in one channel, a person counting by what is known of them."""
    precision = sum(1 / cell.variance for cell in people.values())
    return sum(cell.mean / cell.variance for cell in people.values()) / precision, 1 / precision


def _sums(channels: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """How much is known of a setting's effect in a task from channels, and what it comes to."""
    precision = weighted = 0.0
    for mean, variance in channels:
        precision += 1 / (variance + CHANNEL_EFFECT**2)
        weighted += mean / (variance + CHANNEL_EFFECT**2)
    return precision, weighted


def _effect(precision: float, weighted: float) -> tuple[float, float]:
    """Mean and deviation of a setting's effect in a task, given `_sums` of channels."""
    beforehand = 1 / EFFECT**2
    precision += beforehand
    return weighted / precision, precision**-0.5


def _in_channel(of_all: tuple[float, float], here: tuple[float, float] | None) -> Posterior:
    """The effect in one channel: what is known there, pooled with what the others say of the task."""
    own = _sums(() if here is None else (here,))
    mean, deviation = _effect(of_all[0] - own[0], of_all[1] - own[1])
    variance = deviation**2 + CHANNEL_EFFECT**2
    if here is not None:
        mean = (mean / variance + here[0] / here[1]) / (1 / variance + 1 / here[1])
        variance = 1 / (1 / variance + 1 / here[1])
    return Posterior(mean, math.sqrt(variance), 0, 0)


def _probabilities(posterior: Mapping[str, Posterior]) -> dict[str, float]:
    """How likely each setting is the best one."""
    found = best(
        np.array([one.mean for one in posterior.values()]),
        np.array([one.deviation for one in posterior.values()]),
    )
    return {arm: round(float(p), 6) for arm, p in zip(posterior, found, strict=True)}


def best(means: Numbers, deviations: Numbers) -> Numbers:
    """The probability that each of K independent Gaussians is the largest: (K,), which sum to 1."""
    low, high = (means - 6 * deviations).min(), (means + 6 * deviations).max()
    x = np.linspace(low, high, 2001)[:, None]
    standard = (x - means) / deviations
    density = np.exp(-0.5 * standard**2) / deviations
    below = np.clip(np.interp(standard, _STANDARD, _BELOW, left=0.0, right=1.0), 1e-300, 1.0)
    others = np.exp(np.log(below).sum(axis=1, keepdims=True) - np.log(below))
    found: Numbers = (density * others).sum(axis=0)
    found /= found.sum()
    return found


def _gain(learnt: Mapping[str, _Cell], control: Mapping[str, _Cell]) -> tuple[float | None, float | None]:
    """What the learnt choice brings over the random one, in units of a judgement, and its standard error,
    each person counting once."""
    means = [[cell.mean for cell in side.values()] for side in (learnt, control)]
    if min(map(len, means)) < MIN_PEOPLE:
        return None, None
    error = math.sqrt(sum(np.var(side, ddof=1) / len(side) for side in means))
    return round(float(np.mean(means[0]) - np.mean(means[1])), 4), round(error, 4)


class Choices:
    """What is in force: by task and channel, how likely each setting is to be drawn."""

    def __init__(
        self, tasks: Mapping[str, Mapping[str, Mapping[str, float]]], control: float = CONTROL
    ) -> None:
        self.tasks, self._control = tasks, control

    def draw(self, task: Task, request: Request, seed: int) -> Chosen | None:
        """The setting for a request, fixed by its seed. None: the prompt file's own, nothing is drawn.

        Where people chose tone or length, nothing is drawn either: their choice goes before.
        """
        channels = self.tasks.get(task.name)
        arms = arms_of(task)
        if not channels or not arms or request.tone or request.length:
            return None
        learnt = channels.get(request.channel) or channels[""]
        weights = np.array([learnt.get(arm, 0.0) for arm in arms])
        total = float(weights.sum())
        weights = weights / total if total > 0 else np.full(len(arms), 1 / len(arms))
        first, second = np.random.Generator(np.random.Philox(key=[seed % 2**64, _STREAM])).random(2)
        control = bool(first < self._control)
        drawn = np.full(len(arms), 1 / len(arms)) if control else weights
        place = min(int(np.searchsorted(np.cumsum(drawn), second, side="right")), len(arms) - 1)
        propensity = (1 - self._control) * weights[place] + self._control / len(arms)
        return Chosen(arms[place], float(propensity), control)

    def save(self, folder: Path) -> None:
        values = {"control": self._control, "tasks": self.tasks}
        (folder / CHOICES).write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Choices:
        """Raises ModelBroken, also when the file is not the one its folder's name promises."""
        try:
            values = json.loads((folder / CHOICES).read_text("utf-8"))
            tasks = {
                task: {
                    channel: {arm: float(p) for arm, p in arms.items()} for channel, arms in channels.items()
                }
                for task, channels in values["tasks"].items()
            }
            if any("" not in channels for channels in tasks.values()):
                raise ValueError("a task is without probabilities")
            control = float(values["control"])
            digest = hash_of(folder, DECODING)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelBroken(folder=folder, reason=f"{type(error).__name__}: {error}") from error
        if len(folder.name) == len(digest) and folder.name != digest:
            raise ModelBroken(folder=folder, reason=f"its files make {digest}")
        return cls(tasks, control)


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
