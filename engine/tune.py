"""Tuning: from people's judgements in the journal to a reward model that re-ranks drafts.

    report = tune(Path("moyou-data/journal.db"), Path("moyou-data/models"))

Reads what stands of people's judgements, keeps some aside, fits the reward model on the rest, lets
the gate compare it on those kept aside, writes it to models/reward/<hash>/ if it passed, and puts it
in force. Whoever holds a `CurrentReward` takes it up without a restart.

Kept aside by person and by time, never by row:
  people   a fifth of the judgements, of people who never enter training, at any time;
  time     whatever anybody judged in the last quarter of judgements.
A text that training saw is no evidence of how a model ranks, whoever judges it, so it is left out of those
kept aside. The value of a reply is another matter: the new way to choose is tried on all replies since that
time, and each is worth what everybody said of it. Those judgements are later than any that were learnt from,
also where the words recur (a page of the book); to leave them out but keep their replies, as worth nothing,
would count likes as none, and to leave such replies out would try the model on other requests than it meets.
Who is kept aside is decided by the order of their hashes, not by the seed: the same people stay aside
from one tuning to the next, or the model in force would be tested on what it learnt.

How few are too few, by arithmetic: with 20 judgements aside, half of them likes, the standard error
of the pairwise accuracy is √((10+10+1)/(12·10·10)) = 0.13, so only an accuracy near 0.8 could pass:
fewer show nothing. The classifier has about 260,000 weights; below 40 judgements it learns none. With
200 judgements an accuracy near 0.61 is to be expected, and some 106 aside are needed to show that: so
below about 250 judgements the gate will mostly refuse, and says so honestly.

Knows: the split, the smallest numbers, the report.
Does not know: Discord, requests' words (the journal never hands them out), how drafts are re-ranked.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine import gate, people, tuned
from engine.errors import (
    ForgottenMeanwhile,
    GainNotShown,
    JournalUnreadable,
    MoyouError,
    OneSided,
    QualityFell,
    TooFewSignals,
)
from engine.gate import Interval
from engine.journal import Journal, JudgedText
from engine.journal_choices import choices, values_of
from engine.journal_judged import judged_sample
from engine.journal_personal import ATTEMPTS, forgettings, unless_forgotten
from engine.prompt import load_tasks
from engine.rechoosing import Rechosen, rechosen
from engine.reward import Example, RewardConfig, RewardModel
from engine.task import Task
from engine.tune_card import card

MIN_TRAINING = 40
"""Judgements to learn from."""
MIN_PEOPLE = 3
"""People to learn from: fewer is one person's taste."""
MIN_HELD_OUT = 20
"""Judgements kept aside."""
MIN_EITHER = 5
"""Likes, and dislikes, on either side."""
MOST = 20_000
"""Judgements read at most, out of however many."""
MOST_CHOICES = 4_000
"""Replies for which the choice is made anew."""
ASIDE_BY_PERSON = 0.2
ASIDE_BY_TIME = 0.25


@dataclass(frozen=True, slots=True)
class Split:
    """`since`: what was judged from then on was kept aside, whoever judged it."""

    training: tuple[JudgedText, ...]
    held_out: tuple[JudgedText, ...]
    people_aside: int
    since: float


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What a tuning run found.

    `accuracy` is the new model's pairwise accuracy on the judgements kept aside; `over_nothing` is its
    gain over 0.5 and `over_current` over the model in force (None: there is none). `refusal` is an
    error to show when the gate refused, `promoted` says whether the model is in force now, `model` is
    its hash ("" in a dry run and when refused). `needed` estimates how many judgements kept aside
    would show a gain of this size. `calibration` is the slope of likes on its logits on those kept aside (1
    is right, less is too sure of itself). `rechosen`: what it would have sent of the replies since then.
    """

    judgements: int
    people: int
    likes: int
    dislikes: int
    training: int
    held_out: int
    people_aside: int
    accuracy: float
    over_nothing: Interval
    over_current: Interval | None
    against: str
    needed: int
    seconds: float
    calibration: float = 0.0
    rechosen: Rechosen | None = None
    refusal: MoyouError | None = None
    model: str = ""
    promoted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("over_nothing", "over_current"):
            values[name] = None if values[name] is None else dataclasses.asdict(values[name])
        values["rechosen"] = None if self.rechosen is None else self.rechosen.to_dict()
        values["refusal"] = None if self.refusal is None else str(self.refusal)
        return {**values, "passed": self.refusal is None}


def tune(
    journal: Path,
    models: Path,
    *,
    dry_run: bool = False,
    promote: bool = True,
    seed: int = 0,
    config: RewardConfig | None = None,
    prompts: Path | None = None,
) -> TuneReport:
    """Train, judge and, if it is better, put in force (`promote`) a new reward model.

    A dry run writes nothing. A refusal by the gate is in the report, not raised. Where somebody is forgotten
    before the model is kept, all is read and learnt anew. Raises TooFewSignals, OneSided, JournalUnreadable,
    and ForgottenMeanwhile when that happened each time.
    """
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    torch.set_num_threads(1)  # beside a busy bot two make each step many times slower
    settings = config or RewardConfig()
    with Journal(journal) as opened:
        for _ in range(ATTEMPTS):
            before = forgettings(opened)
            judged = judged_sample(opened, MOST)
            model, report = _learnt(opened, judged, models, settings, seed, load_tasks(prompts))
            if dry_run or report.refusal is not None:
                return report
            descent = {
                "parent": tuned.current(models, "reward"),
                "since": judged[0].at,
                "until": judged[-1].at,
            }
            with tuned.draft_of(models, tuned.REWARD) as draft:
                version = model.save(draft, card(report, settings, seed))
                tuned.write_report(draft, report.to_dict() | descent | {"model": version})
                with unless_forgotten(opened, before) as whole:
                    if whole:
                        tuned.keep(models, tuned.REWARD, draft, version, promoted=promote)
                        return dataclasses.replace(report, model=version, promoted=promote)
    raise ForgottenMeanwhile(times=ATTEMPTS)


def _learnt(
    journal: Journal,
    judged: Sequence[JudgedText],
    models: Path,
    config: RewardConfig,
    seed: int,
    tasks: Mapping[str, Task],
) -> tuple[RewardModel, TuneReport]:
    """A model that learnt from these judgements, with all that the gate finds."""
    model, report = learn(judged, _model_in_force(models), config=config, seed=seed)
    # of a translation the best is sent: nothing was drawn, so nothing would be drawn otherwise
    drawn = [name for name, task in tasks.items() if task.model != "translate"]
    logged = choices(journal, split(judged).since, MOST_CHOICES, drawn)
    values = values_of(journal, logged)
    thresholds = {name: task.decoding.abstain for name, task in tasks.items()}
    return model, with_rechosen(report, rechosen(model, logged, values, thresholds))


def with_rechosen(report: TuneReport, found: Rechosen | None) -> TuneReport:
    """The report with what the model would have sent; it refuses where that would be surely worse, which each
    of the two estimates is enough to say: they err in different ways."""
    refusal = report.refusal
    if refusal is None and found is not None:
        if found.fallen:
            refusal = QualityFell(measures=", ".join(found.fallen))
        elif losses := [gain for gain in (found.doubly_robust, found.snips) if gain.high < 0]:
            gain = losses[0]
            refusal = GainNotShown(
                against="what was sent",
                gain=f"{gain.value:+.3f}",
                low=f"{gain.low:+.3f}",
                high=f"{gain.high:+.3f}",
            )
    return dataclasses.replace(report, rechosen=found, refusal=refusal)


def learn(
    judged: Sequence[JudgedText],
    in_force: RewardModel | None = None,
    *,
    config: RewardConfig | None = None,
    seed: int = 0,
) -> tuple[RewardModel, TuneReport]:
    """Fit a model and let the gate judge it; `judged` in order of time, without values of 0.

    Raises TooFewSignals, OneSided.
    """
    begun = time.monotonic()
    parts = split(judged)
    _check_enough(judged, parts)
    model = RewardModel.fit(examples(parts.training), config or RewardConfig(), seed)
    return model, _judge(judged, parts, model, in_force, seed, begun)


def split(judged: Sequence[JudgedText]) -> Split:
    """Who and what is kept aside; `judged` in order of time. See the module's head."""
    cut = judged[math.floor(len(judged) * (1 - ASIDE_BY_TIME))].at if judged else 0.0
    votes = Counter(one.person for one in judged)
    early = Counter(one.person for one in judged if one.at < cut)
    aside: set[str] = set()
    by_aside = 0
    for person in sorted(votes):
        if by_aside >= ASIDE_BY_PERSON * len(judged):
            break
        if by_aside + votes[person] > 1.75 * ASIDE_BY_PERSON * len(
            judged
        ):  # nobody who is most of the feedback
            continue
        left = {who: number for who, number in early.items() if who != person and who not in aside}
        if len(left) < MIN_PEOPLE or sum(left.values()) < MIN_TRAINING:  # few people: time alone keeps aside
            continue
        aside.add(person)
        by_aside += votes[person]
    training = tuple(one for one in judged if one.person not in aside and one.at < cut)
    seen = {gate.text_of(one) for one in training}
    held_out = tuple(
        one for one in judged if (one.person in aside or one.at >= cut) and gate.text_of(one) not in seen
    )
    return Split(training, held_out, len(aside), cut)


def examples(judged: Sequence[JudgedText]) -> list[Example]:
    """What the classifier learns from: the bot's own words, weighed by person, likes and dislikes of a
    task in balance, so that it learns what is liked within a task and not which task is liked."""
    weights = people.weights_by_person(judged)
    sums: dict[tuple[str, bool], float] = {}
    for one, weight in zip(judged, weights, strict=True):
        key = (one.task, one.value > 0)
        sums[key] = sums.get(key, 0.0) + float(weight)
    found = []
    for one, weight, lenient in zip(judged, weights, people.leniency(judged), strict=True):
        mine, other = sums[one.task, one.value > 0], sums.get((one.task, one.value <= 0), 0.0)
        # A task where all agree has nothing to compare; its judgements weigh little rather than nothing.
        balance = (mine + other) / (2 * mine) if other else 0.1
        found.append(
            Example(one.task, one.own_text, (one.value + 1) / 2, float(weight) * balance, float(lenient))
        )
    return found


def _check_enough(judged: Sequence[JudgedText], parts: Split) -> None:
    have, people = len(judged), len({one.person for one in judged})
    train, aside = len(parts.training), len(parts.held_out)
    learnt = len({one.person for one in parts.training})
    if train < MIN_TRAINING or aside < MIN_HELD_OUT or learnt < MIN_PEOPLE:
        # So many more as keep today's proportions.
        factor = max(MIN_TRAINING / train if train else 1, MIN_HELD_OUT / aside if aside else 1)
        need = max(MIN_TRAINING + MIN_HELD_OUT, math.ceil(have * factor), have + 1)
        need_people = MIN_PEOPLE if people < MIN_PEOPLE or learnt >= MIN_PEOPLE else people + 1
        raise TooFewSignals(have=have, people=people, need=need, need_people=need_people)
    for part in (parts.training, parts.held_out):
        likes = sum(one.value > 0 for one in part)
        if min(likes, len(part) - likes) < MIN_EITHER:
            raise OneSided(have=have)


def _model_in_force(models: Path) -> RewardModel | None:
    version = tuned.current(models, "reward")
    if not version:
        return None
    try:
        return RewardModel.load(models / "reward" / version)
    except MoyouError:  # it ranks nothing either
        return None


def _judge(
    judged: Sequence[JudgedText],
    parts: Split,
    model: RewardModel,
    in_force: RewardModel | None,
    seed: int,
    begun: float,
) -> TuneReport:
    rows = [(one.task, one.own_text) for one in parts.held_out]
    new = model.score_rows(rows)
    over_nothing = gate.gain(new, None, parts.held_out, seed)
    over_current = (
        None if in_force is None else gate.gain(new, in_force.score_rows(rows), parts.held_out, seed)
    )
    against, shown = "no skill", over_nothing
    if in_force is not None and over_current is not None and over_current.low < over_nothing.low:
        against, shown = in_force.hash, over_current
    refusal = None
    if not shown.low > 0:  # also when it is no number
        refusal = GainNotShown(
            against=against, gain=f"{shown.value:+.3f}", low=f"{shown.low:+.3f}", high=f"{shown.high:+.3f}"
        )
    likes = sum(one.value > 0 for one in judged)
    return TuneReport(
        judgements=len(judged),
        people=len({one.person for one in judged}),
        likes=likes,
        dislikes=len(judged) - likes,
        training=len(parts.training),
        held_out=len(parts.held_out),
        people_aside=parts.people_aside,
        accuracy=over_nothing.value + 0.5,
        over_nothing=over_nothing,
        over_current=over_current,
        against=against,
        needed=_needed(shown, len(parts.held_out)),
        seconds=round(time.monotonic() - begun, 3),
        calibration=round(_calibration(new, [one.value > 0 for one in parts.held_out]), 4),
        refusal=refusal,
    )


def _calibration(scores: Sequence[float], liked: Sequence[bool]) -> float:
    """The slope of people's likes on the logits of the probabilities: 1 is right, less is too sure of itself.

    Likes and dislikes count alike in sum, as they do in training; a little prior keeps it within bounds.
    """
    chances, likes = np.clip(scores, 1e-6, 1 - 1e-6), np.asarray(liked, float)
    weights = np.where(likes > 0, len(likes) / 2 / likes.sum(), len(likes) / 2 / (len(likes) - likes.sum()))
    inputs = np.stack([np.log(chances / (1 - chances)), np.ones(len(likes))], axis=1)
    found = np.zeros(2)
    for _ in range(25):
        p = 1 / (1 + np.exp(-inputs @ found))
        curve = (inputs * (weights * p * (1 - p))[:, None]).T @ inputs + 0.1 * np.eye(2)
        found = found - np.linalg.solve(curve, inputs.T @ (weights * (p - likes)) + 0.1 * found)
    return float(found[0])


def _needed(shown: Interval, held_out: int) -> int:
    """Judgements aside that would show this gain: the interval narrows with the square root. 0: none."""
    if not shown.value > 0:
        return 0
    return math.ceil(held_out * ((shown.value - shown.low) / shown.value) ** 2)
