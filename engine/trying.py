"""The live test as commands and pages see it: begin one, look how it stands.

    begun = begin_trial(models, "reward/1a2b3c4d5e6f")
    standing = await journal(trial_now, models)         None: none runs

Knows: that one runs at a time, and that only a reward model can be tried. Does not know: arms, the rule
(`engine.trial`), who may begin one (`bot` does).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine import trial, tuned
from engine.errors import ModelMissing, TrialRuns

if TYPE_CHECKING:
    from engine.journal import Journal


def begin_trial(models: Path, name: str, most: int = trial.MOST) -> trial.Trial:
    """Put MODEL/VERSION on a live test against the reward model in force; running engines take it up.

    `most`: replies after which it ends. Raises ModelMissing, InForceAlready, and TrialRuns: the rule of one
    that runs was fixed, it is not cut short by chance.
    """
    model, _, version = name.partition("/")
    if model != tuned.REWARD or version not in tuned.versions(models, tuned.REWARD):
        raise ModelMissing(model=name, folder=models)
    refuse_a_second(models)
    return trial.begin(models, version, most)


def refuse_a_second(models: Path) -> None:
    """Raises TrialRuns while a live test runs."""
    runs = trial.running(models)
    if runs is not None:
        raise TrialRuns(model=f"{tuned.REWARD}/{runs.version}")


def trial_now(journal: Journal, models: Path) -> trial.Standing | None:
    """How the trial that runs stands; None: none runs. Nothing is decided by looking."""
    runs = trial.running(models)
    return None if runs is None else trial.standing(journal, runs)


def tryable(models: Path) -> tuple[str, ...]:
    """What can be put on trial now, newest first, as MODEL/VERSION: none while one runs."""
    if trial.running(models) is not None:
        return ()
    now = tuned.current(models, tuned.REWARD)
    return tuple(
        f"{tuned.REWARD}/{version}" for version in tuned.versions(models, tuned.REWARD) if version != now
    )
