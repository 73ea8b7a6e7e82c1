"""The live test: requests go by chance to the reward model in force or to a new one, until it is decided.

    models/reward/trial.json     which two, since when, how many replies at most: a running engine reads it
    models/reward/trials.jsonl   every trial that ended, with its numbers, or that it was stopped

A request's arm is drawn from the reply's own seed, so a reply replays; the model that ranked is logged with
it, which is its arm ("" ranks nothing). A reply is looked at once it is a day old. How its judgements become
a gain that no one person decides is `engine.trial_people`'s.

The stopping rule is fixed before the trial begins: the new model is promoted as soon as the 95 % confidence
sequence of its gain lies above zero, dropped as soon as it lies below, and dropped when the number of replies
is reached. A confidence sequence holds at all times at once, so looking every hour does not make a lie of the
95 %. A promotion or a rollback meanwhile ends the trial for good: replies of another time, which nobody drew
by chance, would be counted in one arm. `tuned.promote` and `tuned.rollback` see to it; that the history grew
since the trial began says so even where one of them was killed half way.

Knows: arms, the stopping rule, the two files. Does not know: how a model was trained; Discord; the statistic.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine import tuned
from engine.errors import InForceAlready, ModelMissing, MoyouError
from engine.gate import Interval
from engine.trial_people import Judged, sequence

if TYPE_CHECKING:
    from engine.journal import Journal
    from engine.reward import RewardModel

Verdict = Literal["running", "promote", "drop"]

FILE, ENDED = tuned.TRIAL, tuned.TRIALS
MOST = 3000
"""Replies after which a trial that shows nothing ends."""
SETTLED = 24 * 3600.0
"""Seconds after which a reply is looked at: most of what people say of it they say on the first day."""
_STREAM = 2**63 + 1  # of the seed's random numbers


@dataclass(frozen=True, slots=True)
class Trial:
    """`version` against `against` ("": no re-ranking), since `began` (seconds since 1970), when the history
    of what was in force had so many bytes (-1: not known)."""

    version: str
    against: str
    began: float
    most: int = MOST
    history: int = -1

    def arm(self, seed: int) -> str:
        """The version that ranks the drafts of the reply with this seed; one half each."""
        uniform = np.random.Generator(np.random.Philox(key=[seed % 2**64, _STREAM])).random()
        return self.version if uniform < 0.5 else self.against


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trial stands: replies of both arms and what people think of one in the mean, all judgements
    alike; the gain, in which no one person's decide, with its confidence sequence after `looked_at` replies
    (where it was decided, else all)."""

    trial: Trial
    new: int
    old: int
    new_value: float
    old_value: float
    gain: Interval
    verdict: Verdict
    looked_at: int

    def to_dict(self) -> dict[str, object]:
        """As plain values, for JSON; None where a bound is infinite."""
        gain = {name: value if math.isfinite(value) else None for name, value in asdict(self.gain).items()}
        return {**asdict(self), "gain": gain}


def begin(models: Path, version: str, most: int = MOST, now: float | None = None) -> Trial:
    """Put a version on trial against the one in force; a trial that runs is stopped.

    Raises ModelMissing, and InForceAlready where it would be tried against itself.
    """
    folder = models / "reward"
    if version not in tuned.versions(models, "reward"):
        raise ModelMissing(model=f"reward/{version}", folder=models)
    against = tuned.current(models, "reward")
    if version == against:
        raise InForceAlready(model=f"reward/{version}")
    tuned.end_trial(models, "reward")
    size = tuned.history_size(models, "reward")
    trial = Trial(version, against, time.time() if now is None else now, most, size)
    handle, draft = tempfile.mkstemp(prefix=".trial-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(trial)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, folder / FILE)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    tuned.sync(folder)
    return trial


def running(models: Path) -> Trial | None:
    """The trial that runs: nothing else was put in force since it began."""
    try:
        trial = Trial(**json.loads((models / "reward" / FILE).read_text("utf-8")))
        if trial.against != tuned.current(models, "reward"):
            return None
    except (OSError, ValueError, TypeError):
        return None
    return trial if trial.history in (-1, tuned.history_size(models, "reward")) else None


def conclude(models: Path, standing: Standing) -> Verdict:
    """Do what the rule says: promote, drop, or let it run. Returns which.

    A model that people like but that cannot be put in force is dropped. Where another process was quicker, or
    another trial began meanwhile, nothing is done.
    """
    if standing.verdict == "running" or running(models) != standing.trial:
        return standing.verdict
    ended = {"ended": round(time.time(), 3), **standing.to_dict()}
    if standing.verdict == "promote":
        try:
            tuned.promote(models, "reward", standing.trial.version, ended=ended)
            return "promote"
        except MoyouError as error:
            tuned.log.error("reward model %s cannot be put in force: %s", standing.trial.version, error)
    tuned.end_trial(models, "reward", ended | {"verdict": "drop"})
    return "drop"


def settle_trial(journal: Journal, models: Path, now: float | None = None) -> Standing | None:
    """Look how the trial that runs stands and do what its rule says; None: none runs.

    A function on a Journal, called as its methods are: await journal(settle_trial, models).
    """
    trial = running(models)
    if trial is None:
        return None
    found = standing(journal, trial, now)
    return dataclasses.replace(found, verdict=conclude(models, found))


def standing(journal: Journal, trial: Trial, now: float | None = None) -> Standing:
    """Read how a trial stands."""
    until = (time.time() if now is None else now) - SETTLED
    rows = journal._db.execute(
        "SELECT reward_model = ?, (SELECT json_group_array(json_array(s.who, s.value)) FROM standing AS s "
        "WHERE s.generation = g.number AND s.value <> 0) FROM generations AS g WHERE at BETWEEN ? AND ? "
        "AND reward_model IN (?, ?) AND origin NOT IN ('fixed', 'extract') ORDER BY at, id LIMIT ?",
        (trial.version, trial.began, until, trial.version, trial.against, trial.most),
    ).fetchall()
    return decide(trial, [Judged(bool(new), tuple(map(tuple, json.loads(said)))) for new, said in rows])


def decide(trial: Trial, replies: Sequence[Judged]) -> Standing:
    """How a trial stands after these replies, in the order of time."""
    looks = sequence(replies)
    at = _decided(looks)
    gain = looks[at - 1] if looks else Interval(0.0, -math.inf, math.inf)
    verdict: Verdict = "running"
    if gain.low > 0 or gain.high < 0:
        verdict = "promote" if gain.low > 0 else "drop"
    elif len(looks) >= trial.most:
        verdict = "drop"
    new, old = ([reply.value for reply in replies if reply.new == arm] for arm in (True, False))
    return Standing(
        trial,
        len(new),
        len(old),
        float(np.mean(new)) if new else 0.0,
        float(np.mean(old)) if old else 0.0,
        gain,
        verdict,
        at,
    )


def _decided(looks: Sequence[Interval]) -> int:
    """After how many replies it was decided, looked at after each; all where it was not."""
    return next((n for n, found in enumerate(looks, 1) if found.low > 0 or found.high < 0), len(looks))


class Arms:
    """The reward models for a running engine: that in force, or while a trial runs that of a reply's arm.

    Looking costs two `stat` more than the model in force does. Safe to share between threads.
    """

    def __init__(self, models: Path, in_force: tuned.CurrentReward) -> None:
        self._models, self._in_force = models, in_force
        self._file = models / "reward" / FILE
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._trial: Trial | None = None
        self._new: RewardModel | None = None

    def model(self, seed: int) -> RewardModel | None:
        """The model to rank the drafts of the reply with this seed, None for none."""
        usual = self._in_force.model()
        with self._lock:
            self._look()
            trial, new = self._trial, self._new
        if trial is None or new is None or trial.against != ("" if usual is None else usual.hash):
            return usual
        return new if trial.arm(seed) == trial.version else usual

    def _look(self) -> None:
        found = None
        with contextlib.suppress(OSError):
            state = self._file.stat()
            found = state.st_ino, state.st_mtime_ns, tuned.history_size(self._models, "reward")
        if found == self._seen:
            return
        self._seen, self._trial, self._new = found, running(self._models), None
        if self._trial is not None:
            from engine.reward import RewardModel

            try:
                self._new = RewardModel.load(self._models / "reward" / self._trial.version)
            except MoyouError as error:
                tuned.log.error("reward model %s cannot be tried: %s", self._trial.version, error)
