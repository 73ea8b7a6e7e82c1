"""The live test: requests go by chance to the reward model in force or to a new one, until it is decided.

    models/reward/trial.json     which two, since when, how many replies at most: a running engine reads it
    models/reward/trials.jsonl   every trial that ended, with its numbers

A request's arm is drawn from the reply's own seed, so a reply replays; the model that ranked is logged with
it, which is its arm ("" ranks nothing). A reply's value is the mean of what people think of it, 0 where
nobody said anything, looked at once it is a day old.

The stopping rule is fixed before the trial begins: the new model is promoted as soon as the 95 % confidence
sequence of its gain lies above zero, dropped as soon as it lies below, and dropped when the number of replies
is reached. A confidence sequence holds at all times at once (Waudby-Smith et al. 2021, asymptotic), so
looking every hour does not make a lie of the 95 %.

Knows: arms, the stopping rule, the two files. Does not know: how a model was trained; Discord.
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine import tuned
from engine.errors import ModelMissing, MoyouError
from engine.gate import Interval

if TYPE_CHECKING:
    from engine.journal import Journal
    from engine.reward import RewardModel

Numbers = NDArray[np.float64]
Verdict = Literal["running", "promote", "drop"]

FILE, ENDED = "trial.json", "trials.jsonl"
MOST = 3000
"""Replies after which a trial that shows nothing ends."""
ALPHA = 0.05
SETTLED = 24 * 3600.0
"""Seconds after which a reply is looked at: most of what people say of it they say on the first day."""
_TIGHT = 1000
"""Replies at which the confidence sequence is narrowest."""
_LEAST = 100
"""Replies before anything is decided: the sequence rests on a normal approximation."""
_STREAM = 2**63 + 1  # of the seed's random numbers


@dataclass(frozen=True, slots=True)
class Trial:
    """`version` against `against` ("": no re-ranking), since `began` (seconds since 1970)."""

    version: str
    against: str
    began: float
    most: int = MOST

    def arm(self, seed: int) -> str:
        """The version that ranks the drafts of the reply with this seed; one half each."""
        uniform = np.random.Generator(np.random.Philox(key=[seed % 2**64, _STREAM])).random()
        return self.version if uniform < 0.5 else self.against


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trial stands: replies and mean values of both arms, the gain with its confidence sequence after
    `looked_at` replies (where it was decided, else all)."""

    trial: Trial
    new: int
    old: int
    new_value: float
    old_value: float
    gain: Interval
    verdict: Verdict
    looked_at: int

    def to_dict(self) -> dict[str, object]:
        return dataclasses.asdict(self)


def begin(models: Path, version: str, most: int = MOST, now: float | None = None) -> Trial:
    """Put a version on trial against the one in force; a trial that runs is replaced. Raises ModelMissing."""
    folder = models / "reward"
    if version not in tuned.versions(models, "reward"):
        raise ModelMissing(model=f"reward/{version}", folder=models)
    trial = Trial(version, tuned.current(models, "reward"), time.time() if now is None else now, most)
    handle, draft = tempfile.mkstemp(prefix=".trial-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(trial)) + "\n")
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
    """The trial that runs. One against a version that is no longer in force has ended by that."""
    try:
        trial = Trial(**json.loads((models / "reward" / FILE).read_text("utf-8")))
        return trial if trial.against == tuned.current(models, "reward") else None
    except (OSError, ValueError, TypeError):
        return None


def conclude(models: Path, standing: Standing) -> Verdict:
    """Do what the rule says: promote, drop, or let it run. Returns which.

    A model that people like but that cannot be put in force is dropped. Where another process was quicker, or
    another trial began meanwhile, nothing is done.
    """
    verdict = standing.verdict
    if verdict == "running" or running(models) != standing.trial:
        return verdict
    if verdict == "promote":
        try:
            tuned.promote(models, "reward", standing.trial.version)
        except MoyouError as error:
            tuned.log.error("reward model %s cannot be put in force: %s", standing.trial.version, error)
            verdict = "drop"
    ended = {"ended": round(time.time(), 3), **standing.to_dict(), "verdict": verdict}
    with (models / "reward" / ENDED).open("a", encoding="utf-8") as file:
        file.write(json.dumps(ended) + "\n")
    (models / "reward" / FILE).unlink(missing_ok=True)
    return verdict


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
        "SELECT reward_model = ?, coalesce((SELECT avg(value) FROM current_signals AS s "
        "WHERE s.reply = g.number), 0) FROM generations AS g WHERE at BETWEEN ? AND ? "
        "AND reward_model IN (?, ?) AND origin NOT IN ('fixed', 'extract') ORDER BY at, id LIMIT ?",
        (trial.version, trial.began, until, trial.version, trial.against, trial.most),
    ).fetchall()
    return decide(trial, [(bool(new), float(value)) for new, value in rows])


def decide(trial: Trial, replies: Sequence[tuple[bool, float]]) -> Standing:
    """`replies` in the order of time: whether the new model ranked, and what people thought."""
    new = np.array([arm for arm, _ in replies], bool)
    values = np.array([value for _, value in replies], float)
    looks = sequence(new, values)
    at = _decided(looks)
    gain = looks[at - 1] if looks else Interval(0.0, -1.0, 1.0)
    verdict: Verdict = "running"
    if at >= _LEAST and (gain.low > 0 or gain.high < 0):
        verdict = "promote" if gain.low > 0 else "drop"
    elif len(looks) >= trial.most:
        verdict = "drop"
    return Standing(
        trial,
        int(new.sum()),
        int((~new).sum()),
        float(values[new].mean()) if new.any() else 0.0,
        float(values[~new].mean()) if (~new).any() else 0.0,
        gain,
        verdict,
        at,
    )


def _decided(looks: Sequence[Interval]) -> int:
    """After how many replies it was decided, looked at after each; all where it was not."""
    for number, found in enumerate(looks, start=1):
        if number >= _LEAST and (found.low > 0 or found.high < 0):
            return number
    return len(looks)


def sequence(new: NDArray[np.bool_], values: Numbers, alpha: float = ALPHA) -> list[Interval]:
    """The gain after each reply with bounds that all hold at once with probability 1 - alpha.

    Each reply's share is 2·(±1)·(value less the mean of those before): its expectation is the gain, whatever
    is taken off, because an arm is as likely as the other.
    """
    count = np.arange(1, len(values) + 1)
    before = np.concatenate([[0.0], np.cumsum(values)[:-1] / count[:-1]]) if len(values) else values
    shares = 2.0 * np.where(new, 1.0, -1.0) * (values - before)
    mean = np.cumsum(shares) / count
    variance = np.maximum(np.cumsum(shares**2) / count - mean**2, 1e-6)
    spread = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / _TIGHT
    grown = count * spread + 1
    reach = np.sqrt(variance * 2 * grown / (count**2 * spread) * np.log(np.sqrt(grown) / alpha))
    return [Interval(float(m), float(m - r), float(m + r)) for m, r in zip(mean, reach, strict=True)]


class Arms:
    """The reward models for a running engine: that in force, or while a trial runs that of a reply's arm.

    Looking costs one `stat` more than the model in force does. Safe to share between threads.
    """

    def __init__(self, models: Path, in_force: tuned.CurrentReward) -> None:
        self._models, self._in_force = models, in_force
        self._file = models / "reward" / FILE
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
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
            found = state.st_ino, state.st_mtime_ns
        if found == self._seen:
            return
        self._seen, self._trial, self._new = found, running(self._models), None
        if self._trial is not None:
            from engine.reward import RewardModel

            try:
                self._new = RewardModel.load(self._models / "reward" / self._trial.version)
            except MoyouError as error:
                tuned.log.error("reward model %s cannot be tried: %s", self._trial.version, error)
