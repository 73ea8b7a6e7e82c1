"""Tuning: from people's judgements in the journal to a reward model that re-ranks drafts.

    report = tune(Path("moyou-data/journal.db"), Path("moyou-data/models"))

Reads what stands of people's judgements, keeps some aside, fits the reward model on the rest, lets
the gate compare it on those kept aside, writes it to models/reward/<hash>/ if it passed, and puts it
in force. Whoever holds a `CurrentReward` takes it up without a restart.

Kept aside by person and by time, never by row:
  people   a fifth of the judgements, of people who never enter training, at any time;
  time     whatever anybody judged in the last quarter of judgements.
A text that training saw is no evidence, whoever judges it, so it is left out of those kept aside.
Who is kept aside is decided by the order of their hashes, not by the seed: the same people stay aside
from one tuning to the next, or the model in force would be tested on what it learnt.

How few are too few, by arithmetic: with 20 judgements aside, half of them likes, the standard error
of the pairwise accuracy is √((10+10+1)/(12·10·10)) = 0.13, so only an accuracy near 0.8 could pass:
fewer show nothing. The classifier has about 260,000 weights; below 40 judgements it learns none. With
200 judgements an accuracy near 0.61 is to be expected, and some 106 aside are needed to show that: so
below about 250 judgements the gate will mostly refuse, and says so honestly.

Knows: the split, the smallest numbers, the report, the card.
Does not know: Discord, requests' words (the journal never hands them out), how drafts are re-ranked.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import gate, tuned
from engine.errors import GainNotShown, JournalUnreadable, MoyouError, OneSided, TooFewSignals
from engine.gate import Interval
from engine.journal import Journal, JudgedText
from engine.reward import Example, RewardConfig, RewardModel

MIN_TRAINING = 40
"""Judgements to learn from."""
MIN_PEOPLE = 3
"""People to learn from: fewer is one person's taste."""
MIN_HELD_OUT = 20
"""Judgements kept aside."""
MIN_EITHER = 5
"""Likes, and dislikes, on either side."""
ASIDE_BY_PERSON = 0.2
ASIDE_BY_TIME = 0.25


@dataclass(frozen=True, slots=True)
class Split:
    training: tuple[JudgedText, ...]
    held_out: tuple[JudgedText, ...]
    people_aside: int


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What a tuning run found.

    `accuracy` is the new model's pairwise accuracy on the judgements kept aside; `over_nothing` is its
    gain over 0.5 and `over_current` over the model in force (None: there is none). `refusal` is an
    error to show when the gate refused, `promoted` says whether the model is in force now, `model` is
    its hash ("" in a dry run and when refused). `needed` estimates how many judgements kept aside
    would show a gain of this size.
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
    refusal: MoyouError | None = None
    model: str = ""
    promoted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("over_nothing", "over_current"):
            values[name] = None if values[name] is None else dataclasses.asdict(values[name])
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
) -> TuneReport:
    """Train, judge and, if it is better, put in force (`promote`) a new reward model.

    A dry run writes nothing. A refusal by the gate is in the report, not raised. Raises TooFewSignals,
    OneSided, JournalUnreadable.
    """
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    with Journal(journal) as opened:
        judged = [one for one in opened.judged() if one.value != 0]
    settings = config or RewardConfig()
    model, report = learn(judged, _model_in_force(models), config=settings, seed=seed)
    if dry_run or report.refusal is not None:
        return report
    descent = {
        "parent": tuned.current(models, "reward"),
        "since": judged[0].at,
        "until": judged[-1].at,
    }
    version = _write(models, model, report, settings, seed, descent)
    if promote:
        tuned.promote(models, "reward", version)
    return dataclasses.replace(report, model=version, promoted=promote)


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
    return Split(training, held_out, len(aside))


def examples(judged: Sequence[JudgedText]) -> list[Example]:
    """What the classifier learns from: the bot's own words, weighed by person, likes and dislikes of a
    task in balance, so that it learns what is liked within a task and not which task is liked."""
    weights = gate.weights_by_person(judged)
    sums: dict[tuple[str, bool], float] = {}
    for one, weight in zip(judged, weights, strict=True):
        key = (one.task, one.value > 0)
        sums[key] = sums.get(key, 0.0) + float(weight)
    found = []
    for one, weight in zip(judged, weights, strict=True):
        mine, other = sums[one.task, one.value > 0], sums.get((one.task, one.value <= 0), 0.0)
        # A task where all agree has nothing to compare; its judgements weigh little rather than nothing.
        balance = (mine + other) / (2 * mine) if other else 0.1
        found.append(Example(one.task, one.own_text, (one.value + 1) / 2, float(weight) * balance))
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
        refusal=refusal,
    )


def _needed(shown: Interval, held_out: int) -> int:
    """Judgements aside that would show this gain: the interval narrows with the square root. 0: none."""
    if not shown.value > 0:
        return 0
    return math.ceil(held_out * ((shown.value - shown.low) / shown.value) ** 2)


def _write(
    models: Path,
    model: RewardModel,
    report: TuneReport,
    config: RewardConfig,
    seed: int,
    descent: dict[str, object],
) -> str:
    """The new version's folder appears whole or not at all. `descent`: what it came from."""
    folder = models / "reward"
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        version = model.save(draft, card(report, config, seed))
        tuned.write_report(draft, report.to_dict() | descent | {"model": version})
        for file in (*draft.iterdir(), draft):
            tuned.sync(file)
        draft.chmod(0o755)
        if (folder / version).exists():  # the same bytes, made before
            return version
        os.rename(draft, folder / version)
        tuned.sync(folder)
        return version
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def card(report: TuneReport, config: RewardConfig, seed: int) -> str:
    """The model's card. It names nobody and holds nobody's words."""

    def said(found: Interval | None) -> str:
        return "-" if found is None else f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"

    return f"""# Reward model

How well people will like a draft: embedding {config.embedding}, {config.layers} LSTM layers of
{config.units} units, sigmoid, binary cross-entropy. Re-ranks drafts of one request; says nothing across
tasks. Trained by `python -m engine tune` with seed {seed} on judgements of one journal: the bot's own
words less passages copied from requests.

| | |
|---|---|
| judgements (likes / dislikes) | {report.judgements} ({report.likes} / {report.dislikes}) |
| people | {report.people} |
| learnt from / kept aside | {report.training} / {report.held_out}, {report.people_aside} people aside |
| pairwise accuracy on those kept aside | {report.accuracy:.3f} |
| gain over no skill, 95 % interval | {said(report.over_nothing)} |
| gain over the model then in force | {said(report.over_current)} |
"""
